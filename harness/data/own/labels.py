"""Words of a table as labels: classes, several classes, numbers, or masks in files of their own."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.data.description import list_names
from harness.data.files.budgets import CLASSES
from harness.data.own.images import open_mask
from harness.data.own.listing import Row
from harness.data.own.settings import ImageSettings
from harness.errors import UserError
from harness.records.labels import LabelKind
from harness.records.measured import is_measured
from harness.tasks import TASKS

Label = int | tuple[float, ...] | str

COLUMNS = {
    "label": LabelKind.SINGLE_LABEL,
    "class": LabelKind.SINGLE_LABEL,
    "labels": LabelKind.MULTI_LABEL,
    "value": LabelKind.REGRESSION,
    "mask": LabelKind.SEGMENTATION,
}
"""Headings that a table's labels are looked for under -> what they are unless `--task` says otherwise."""


@dataclass(frozen=True, kw_only=True)
class Labels:
    """The labels of all rows."""

    kind: LabelKind
    class_names: tuple[str, ...]
    """Or names of the numbers that are predicted."""
    labels: tuple[Label, ...]
    """In the order of the rows: an index, 0 and 1 of each class, numbers, or the file of a mask."""
    mask_values: tuple[int, ...] = ()
    """Of masks of classes: the stored value of each class."""


def read_labels(rows: Sequence[Row], settings: ImageSettings, root: Path) -> Labels:
    """Labels of one kind.

    Raises:
        UserError: there is no column of labels, a label is missing or of another kind, or there is nothing to tell
            apart.
    """
    columns = tuple(rows[0].cells)
    chosen = settings.label_column or tuple(name for name in COLUMNS if name in columns)[:1]
    absent = [name for name in chosen if name not in columns]
    if absent or not chosen:
        wanted = f"no column {absent[0]!r}" if absent else f"no column {', '.join(COLUMNS)}"
        raise UserError(f"{wanted} of labels; the table has {list_names(columns)}. Name one by --label-column")
    empty = [row.file for row in rows if not all(row.cells[name] for name in chosen)]
    kind = settings.task or _usual_kind(rows, chosen)
    if empty and kind is not LabelKind.MULTI_LABEL:
        raise UserError(f"{empty[0]}: has no label in column {' or '.join(chosen)}. Fill it in, or leave the row out")
    labels = _READERS[kind](rows, chosen, settings, root)
    fewest = TASKS[labels.kind].fewest_classes
    if not fewest <= len(labels.class_names) <= CLASSES:
        raise UserError(
            f"labels of column {' '.join(chosen)}: {len(labels.class_names)} classes of {labels.kind}; from {fewest} "
            f"to {CLASSES} are wanted. Say another --task or --label-column"
        )
    return labels


def _usual_kind(rows: Sequence[Row], columns: Sequence[str]) -> LabelKind:
    if len(columns) > 1:
        words = {row.cells[name] for row in rows for name in columns}
        return LabelKind.MULTI_LABEL if words <= {"0", "1"} else LabelKind.REGRESSION
    kind = COLUMNS.get(columns[0], LabelKind.SINGLE_LABEL)
    words = {row.cells[columns[0]] for row in rows}
    fractions = all(_number(word) is not None for word in words) and any("." in word for word in words)
    return LabelKind.REGRESSION if kind is LabelKind.SINGLE_LABEL and fractions else kind


def _read_classes(rows: Sequence[Row], columns: Sequence[str], settings: ImageSettings, root: Path) -> Labels:
    words = [row.cells[columns[0]] for row in rows]
    names = tuple(sorted(set(words), key=_natural))
    index = {name: i for i, name in enumerate(names)}
    return Labels(kind=LabelKind.SINGLE_LABEL, class_names=names, labels=tuple(index[word] for word in words))


def _read_several(rows: Sequence[Row], columns: Sequence[str], settings: ImageSettings, root: Path) -> Labels:
    """Words between `;`, `|` or spaces of one column; or 0 and 1 in a column of each class."""
    if len(columns) > 1:
        names = tuple(columns)
        wrong = [row for row in rows for name in names if row.cells[name] not in ("0", "1")]
        if wrong:
            raise UserError(f"{wrong[0].file}: 0 or 1 is wanted in each of the columns {' '.join(names)}")
        has = [{name for name in names if row.cells[name] == "1"} for row in rows]
    else:
        has = [{word for word in re.split(r"[;|]\s*", row.cells[columns[0]]) if word} for row in rows]
        names = tuple(sorted(set().union(*has), key=_natural))
    labels = tuple(tuple(float(name in words) for name in names) for words in has)
    return Labels(kind=LabelKind.MULTI_LABEL, class_names=names, labels=labels)


def _read_numbers(rows: Sequence[Row], columns: Sequence[str], settings: ImageSettings, root: Path) -> Labels:
    labels = []
    for row in rows:
        numbers = [_number(row.cells[name]) for name in columns]
        if None in numbers:
            word = row.cells[columns[numbers.index(None)]]
            raise UserError(f"{row.file}: a number is wanted in column {' '.join(columns)}, {word!r} found")
        labels.append(tuple(number for number in numbers if number is not None))
    return Labels(kind=LabelKind.REGRESSION, class_names=tuple(columns), labels=tuple(labels))


def _read_masks(rows: Sequence[Row], columns: Sequence[str], settings: ImageSettings, root: Path) -> Labels:
    """Masks of whole numbers are classes, whatever values they have; of floating point they are numbers, unless they
    are said to be classes."""
    files, values, kind = [row.cells[columns[0]] for row in rows], set[int](), settings.task
    for file in files:
        mask = open_mask(find_mask(root, file), file)
        if mask.dtype.kind == "f" and kind is not LabelKind.SEGMENTATION:
            kind = LabelKind.PIXEL_REGRESSION
        if kind is not LabelKind.PIXEL_REGRESSION:
            values.update(_whole_numbers(mask, file))
    if kind is LabelKind.PIXEL_REGRESSION:
        return Labels(kind=kind, class_names=(columns[0],), labels=tuple(files))
    known = tuple(sorted(values - set(settings.ignore)))
    names = settings.class_names or tuple(map(str, known))
    if len(names) != len(known):
        raise UserError(
            f"--class-names: {len(names)} names of the {len(known)} values {list_names([*map(str, known)])}"
        )
    return Labels(kind=LabelKind.SEGMENTATION, class_names=names, labels=tuple(files), mask_values=known)


def _whole_numbers(mask: np.ma.MaskedArray, file: str) -> list[int]:
    """The different values of a mask, without those that nobody can have measured. UserError: a fraction."""
    found = np.unique(mask.compressed())
    found = found[is_measured(found)]
    if (found != np.rint(found)).any():
        raise UserError(
            f"{file}: this mask has the value {found[found != np.rint(found)][0]:g}; whole numbers are classes. Say "
            "--task pixel_regression if these are numbers"
        )
    return [int(value) for value in found.tolist()]


def find_mask(root: Path, file: str) -> Path:
    """The file of a mask. UserError: it lies outside of the folder."""
    path = (root / file).resolve()
    if not path.is_relative_to(root.resolve()):
        raise UserError(f"{file}: this mask lies outside of {root}. Put it into the folder")
    return path


_READERS = {
    LabelKind.SINGLE_LABEL: _read_classes,
    LabelKind.MULTI_LABEL: _read_several,
    LabelKind.REGRESSION: _read_numbers,
    LabelKind.SEGMENTATION: _read_masks,
    LabelKind.PIXEL_REGRESSION: _read_masks,
}


def _number(word: str) -> float | None:
    try:
        number = float(word)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _natural(word: str) -> tuple[float, str]:
    """Numbers by their value, before words."""
    number = _number(word)
    return (math.inf if number is None else number, word)
