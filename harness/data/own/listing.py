"""Which images a folder holds, and what is said of each: by the sub-folder it lies in, or by a row of a table."""

import csv
import io
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

from harness.data.description import list_names
from harness.data.files.budgets import JSON_BYTES
from harness.data.files.regular_file import read_regular
from harness.data.own.images import SUFFIXES
from harness.errors import UserError
from harness.records.labels import Split

SPLIT_WORDS: dict[str, Split] = {
    "train": "train", "training": "train", "val": "valid", "valid": "valid", "validation": "valid", "test": "test",
}  # fmt: skip
FILE_COLUMNS = ("file", "filename", "path", "image")
NAME_COLUMNS = (*FILE_COLUMNS, "sample", "name", "id")
"""Of a table without images."""


class Row(NamedTuple):
    """One image, and what is said of it."""

    file: str
    """From the folder on, with slashes."""
    cells: Mapping[str, str]
    """By column. Of class folders the columns are `label` and, where the folders above are splits, `split`."""


def sample_name(file: str) -> str:
    """What an image is called as a sample: its path from the folder on, without slashes."""
    return file.replace("/", ":")


def find_images(root: Path) -> list[str]:
    """The images below a folder, sorted, from it on. What begins with a dot is passed over.

    Raises:
        UserError: there is none; a folder cannot be read; or an image is a link that leads out of the folder, or lies
            behind a linked folder.
    """
    if not root.is_dir():
        raise UserError(
            f"--data {root}: a folder of images is wanted, {'a file' if root.exists() else 'nothing'} found"
        )
    real = root.resolve()
    found = []
    for folder, below, names in os.walk(root, onerror=_refuse):
        below[:] = [name for name in below if not name.startswith(".")]
        for name in below:
            if Path(folder, name).is_symlink():  # which may lead out, or round in circles
                raise UserError(f"{Path(folder, name)}: is a link to a folder. Put the folder itself in its place")
        for name in names:
            path = Path(folder, name)
            if name.startswith(".") or path.suffix.casefold() not in SUFFIXES:
                continue
            if not path.resolve().is_relative_to(real):
                raise UserError(f"{path}: is a link that leads out of {root}. Put the file itself in its place")
            found.append(path.relative_to(root).as_posix())
    if not found:
        raise UserError(f"{root}: no image found; files of {' '.join(SUFFIXES)} are wanted, in a sub-folder a class")
    return sorted(found)


def _refuse(error: OSError) -> NoReturn:
    raise UserError(
        f"{error.filename}: cannot be read ({error.strerror}). Make it readable, or put it elsewhere"
    ) from error


def rows_of_folders(files: Sequence[str], root: Path) -> list[Row]:
    """What the folders say: `CLASS/FILE`, or `SPLIT/CLASS/FILE` where all of the first are words for splits.

    Raises:
        UserError: an image lies in no class's folder, or all lie in one.
    """
    parts = [file.split("/") for file in files]
    split = all(len(of) > 2 and of[0].casefold() in SPLIT_WORDS for of in parts)
    loose = [file for file, of in zip(files, parts, strict=True) if len(of) < 2]
    if loose:
        raise UserError(
            f"{root}: {loose[0]}{_and_more(loose)} lies in no class's folder. Move it into a sub-folder named by its "
            "class, or give a table of labels by --labels FILE.csv"
        )
    rows = [
        Row(file, {"label": of[1], "split": of[0]} if split else {"label": of[0]})
        for file, of in zip(files, parts, strict=True)
    ]
    classes = {row.cells["label"] for row in rows}
    if len(classes) < 2:
        raise UserError(f"{root}: one class only, {classes.pop()!r}; at least two sub-folders with images are wanted")
    return rows


def rows_of_table(table: str, files: Sequence[str], root: Path) -> tuple[list[Row], list[str]]:
    """What a table of comma-, semicolon- or tab-separated values says of images, one row an image.

    Args:
        table: its path, from `root` on.
    Returns:
        The rows in the order of their files; lines on images that it leaves out.
    Raises:
        UserError: it cannot be read, has no column of files, is ragged, names an image twice, or one that is not there.
    """
    named, column = _named_rows(table, root, FILE_COLUMNS)
    there = set(files)
    by_stem = {} if len({_stem(file) for file in files}) < len(files) else {_stem(file): file for file in files}
    rows = [Row(by_stem.get(row.file, row.file), row.cells) for row in named]
    absent = [row.file for row in rows if row.file not in there]
    if absent:
        raise UserError(
            f"--labels {table}: {absent[0]}{_and_more(absent)} is labelled, but no such image lies in {root}. Correct "
            f"the column {column!r}, or add the image"
        )
    return _once_each(rows, table), _unlabelled(there, rows)


def rows_of_names(table: str, root: Path) -> list[Row]:
    """What such a table says of images that are not there, sorted by what they are called. Raises as
    `rows_of_table`."""
    return _once_each(_named_rows(table, root, NAME_COLUMNS)[0], table)


def _named_rows(table: str, root: Path, columns_of_names: Sequence[str]) -> tuple[list[Row], str]:
    """The rows of a table, and which column names the images."""
    where = f"--labels {table}"
    columns, lines = _read_table(root / table, where)
    names = [name for name in columns_of_names if name in columns]
    if not names:
        raise UserError(f"{where}: no column {' or '.join(columns_of_names)}; found {list_names(columns)}")
    if not lines:
        raise UserError(f"{where}: has no row below its headings; one an image is wanted")
    return [Row(cells[names[0]], cells) for cells in lines], names[0]


def _once_each(rows: Sequence[Row], table: str) -> list[Row]:
    twice = [file for file, n in Counter(row.file for row in rows).items() if n > 1]
    if twice:
        raise UserError(
            f"--labels {table}: {twice[0]}{_and_more(twice)} is there more than once. Keep one row an image"
        )
    return sorted(rows, key=lambda row: row.file)


def _read_table(path: Path, where: str) -> tuple[list[str], list[dict[str, str]]]:
    try:
        text = read_regular(path, where, JSON_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UserError(f"{where}: is not UTF-8. Save the table as CSV in UTF-8") from None
    header = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=header.count), strict=True)
    try:
        columns, *lines = [[cell.strip() for cell in line] for line in reader if line]
    except (csv.Error, ValueError) as error:
        raise UserError(f"{where}: a table with a line of headings is wanted ({error})") from None
    for number, line in enumerate(lines, 2):
        if len(line) != len(columns):
            raise UserError(f"{where}: line {number} has {len(line)} cells, the headings are {len(columns)}")
    return columns, [dict(zip(columns, line, strict=True)) for line in lines]


def _unlabelled(there: set[str], rows: Sequence[Row]) -> list[str]:
    """A line on images that no row names, if there are any; a mask lies beside them and is none."""
    named = {cell for row in rows for cell in row.cells.values()} | {row.file for row in rows}
    left = sorted(there - named)
    if not left:
        return []
    has_none = "1 image has no label and is" if len(left) == 1 else f"{len(left)} images have no label and are"
    return [f"{has_none} left out: {left[0]}{_and_more(left)}"]


def _stem(file: str) -> str:
    return Path(file).stem


def _and_more(names: Sequence[str]) -> str:
    return f" (and {len(names) - 1} more)" if len(names) > 1 else ""
