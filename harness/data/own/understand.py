"""A folder of images is looked at, every file once, and becomes the description of a dataset."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.data.description import Band, list_names
from harness.data.no_data.marking import mark_no_data
from harness.data.own.bands import describe_bands, note_unknown
from harness.data.own.description import FILE, Understood
from harness.data.own.images import OpenedImage, UnreadableError, open_image
from harness.data.own.labels import read_labels
from harness.data.own.listing import Row, find_images, rows_of_folders, rows_of_table
from harness.data.own.settings import ImageSettings
from harness.data.own.splits import (
    NEAR_KM,
    SHARES,
    Place,
    Splits,
    blocks_of,
    count_near,
    count_torn,
    draw_splits,
    folds,
    merged_groups,
    partitions_of,
)
from harness.errors import UserError
from harness.records.labels import LabelKind
from harness.records.progress import Progress
from harness.store.leftovers import partial_folder

FOLDER = "own"
"""Below a root, holds the descriptions of such datasets."""
AS_GIVEN = "as given"
"""How splits came about that a table or folders say."""
_EXAMPLES = 20
"""Images whose values are shown."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """What was seen of an image; its pixels are not kept."""

    n_channels: int
    size_px: tuple[int, int]
    dtype: str
    names: tuple[str, ...]
    no_data: float | None
    crs: str | None
    place: Place | None


def write_understood(root: Path, settings: ImageSettings, cache_dir: Path, progress: Progress) -> Path:
    """Look at the images below `root`, or remember what was seen of the same files with the same settings.

    Returns:
        A folder that serves as a root of data, named as the dataset is.
    Raises:
        UserError: it is no such folder, or its files, its labels or the settings do not fit together.
    """
    files = find_images(root)
    return keep_understood(
        root, files, settings, cache_dir, lambda name: _understand(root, name, files, settings, progress)
    )


def keep_understood(
    root: Path,
    files: Sequence[str],
    settings: ImageSettings,
    cache_dir: Path,
    understand: Callable[[str], Understood],
) -> Path:
    """Where a description is kept, made first if it is not there. Arguments and errors as of `write_understood`.

    Args:
        understand: gives it for the name of the dataset.
    """
    name = settings.name or root.resolve().name
    if "," in name or "/" in name or name.startswith("."):
        raise UserError(f"{root}: a dataset cannot be called {name!r}. Name it by --name, without comma or slash")
    if settings.labels and not (root / settings.labels).is_file():
        raise UserError(f"--labels {settings.labels}: no such table in {root}. Say its path from there on")
    target = cache_dir / "own" / _digest(root, files, settings) / name
    if not (target / FOLDER / name / FILE).exists():
        understood = understand(name)
        partial = partial_folder(target)
        try:
            (partial / FOLDER / name).mkdir(parents=True, exist_ok=True)
            (partial / FOLDER / name / FILE).write_text(understood.model_dump_json())
            partial.rename(target)
        except OSError as error:
            raise UserError(f"--cache-dir {cache_dir}: cannot be written ({error.strerror}). Choose another") from None
    return target


def _digest(root: Path, files: Sequence[str], settings: ImageSettings) -> str:
    """All that the description follows from, without reading an image."""
    listed = [*files, *([settings.labels] if settings.labels else [])]
    seen = [(file, (status := (root / file).stat()).st_size, status.st_mtime_ns) for file in listed]
    content = [str(root.resolve()), seen, settings.model_dump(mode="json")]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


def _understand(root: Path, name: str, files: Sequence[str], settings: ImageSettings, progress: Progress) -> Understood:
    rows, notes = rows_of_table(settings.labels, files, root) if settings.labels else (rows_of_folders(files, root), [])
    looks, shown, unreadable = _look_at_all(root, rows, progress)
    rows = [row for row in rows if row.file in looks]
    notes += unreadable
    seen = [looks[row.file] for row in rows]
    first = seen[0]
    _check_alike(rows, seen)
    bands = describe_bands(settings, first.names, first.n_channels, first.dtype, first.no_data, rows[0].file)
    notes += note_unknown(bands)
    labels = read_labels(rows, settings, root)
    size_px = (settings.size, settings.size) if settings.size else _usual_size(seen)
    places = [look.place for look in seen]
    groups, drawn = groups_of(rows, places, settings)
    strata = np.array(labels.labels) if labels.kind is LabelKind.SINGLE_LABEL else None
    splits = draw_splits(rows, strata, groups, settings.seed)
    systems = {look.crs for look in seen if look.crs}
    if len(systems) > 1:
        notes.append(
            f"images in {len(systems)} coordinate systems ({list_names(sorted(systems))}); places are compared"
        )
    notes += torn_groups(splits, groups)
    near = count_near(splits, places)
    if near:
        lie = "image lies" if len(splits["test"]) == 1 else "images lie"
        notes.append(
            f"{near} of {len(splits['test'])} test {lie} within {NEAR_KM:g} km of one in another split: scores "
            f"will be too good. {_how_to_part(settings, drawn)}"
        )
    return Understood(
        name=name,
        root=root.resolve(),
        label_kind=labels.kind,
        class_names=labels.class_names,
        mask_values=labels.mask_values,
        bands=bands,
        dtype=first.dtype,
        examples=_values(shown, bands),
        size_px=size_px,
        fit=settings.fit,
        n_fitted=sum(look.size_px != size_px for look in seen),
        files=tuple(row.file for row in rows),
        labels=labels.labels,
        places=tuple(places) if any(places) else (),
        partitions=partitions_of(splits, len(labels.class_names)) | folds(rows),
        drawn=drawn,
        notes=tuple(notes),
    )


def _look_at_all(
    root: Path, rows: Sequence[Row], progress: Progress
) -> tuple[dict[str, Look], list[OpenedImage], list[str]]:
    """Every image that can be read, some with their pixels, and a line on those that cannot."""
    looks: dict[str, Look] = {}
    shown, bad = [], []
    chosen = {row.file for row in rows[:: max(1, len(rows) // _EXAMPLES)]}
    with progress.step(f"looking at {root.name}", len(rows)) as step:
        for row in rows:
            try:
                opened = open_image(root / row.file, row.file)
            except UnreadableError as error:
                bad.append(str(error))
            else:
                looks[row.file] = _look(opened)
                if row.file in chosen:
                    shown.append(opened)
            step.advance()
    if not looks:
        raise UserError(f"{root}: no image can be read; {bad[0]}")
    more = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
    left = "1 image is" if len(bad) == 1 else f"{len(bad)} images are"
    return looks, shown, [f"{left} left out: {bad[0]}{more}"] if bad else []


def _look(opened: OpenedImage) -> Look:
    channels, height, width = opened.pixels.shape
    return Look(
        n_channels=channels,
        size_px=(height, width),
        dtype=opened.pixels.dtype.name,
        names=opened.names,
        no_data=opened.no_data,
        crs=opened.crs,
        place=opened.place,
    )


def _values(shown: Sequence[OpenedImage], bands: Sequence[Band]) -> tuple[tuple[float, ...], ...]:
    """Least, mean and greatest value of each channel; nothing of one without data."""
    marked = [mark_no_data(opened.pixels, bands).reshape(len(bands), -1) for opened in shown]
    found = np.ma.masked_invalid(np.concatenate(marked, axis=1).astype(np.float64))
    return tuple((float(band.min()), float(band.mean()), float(band.max())) if band.count() else () for band in found)


def _check_alike(rows: Sequence[Row], seen: Sequence[Look]) -> None:
    """UserError: images of two types, or with other channels."""
    for row, look in zip(rows, seen, strict=True):
        for what, mine, firsts in (
            ("channels", look.n_channels, seen[0].n_channels),
            ("values of type", look.dtype, seen[0].dtype),
            ("bands", " ".join(look.names), " ".join(seen[0].names)),
            ("no-data value", look.no_data, seen[0].no_data),
        ):
            if str(mine) != str(firsts):  # as text, in which NaN equals itself
                raise UserError(
                    f"{row.file} has {what} {mine or 'none'}, {rows[0].file} has {firsts or 'none'}: all images of a "
                    "dataset must be alike. Convert some, or evaluate them apart"
                )


def _usual_size(seen: Sequence[Look]) -> tuple[int, int]:
    ((size_px, _),) = Counter(look.size_px for look in seen).most_common(1)
    return size_px


def groups_of(
    rows: Sequence[Row], places: Sequence[Place | None], settings: ImageSettings
) -> tuple[list[Hashable] | None, str]:
    """Which images have to be in one split, and how the splits come about in a few words."""
    kinds: list[list[Hashable]] = []
    named = []
    if settings.group_by:
        if settings.group_by not in rows[0].cells:
            raise UserError(
                f"--group-by {settings.group_by}: no such column; there are {list_names(list(rows[0].cells))}. Name "
                "one of them, or give a table that has it by --labels"
            )
        absent = [row.file for row in rows if not row.cells[settings.group_by]]
        if absent:
            raise UserError(f"--group-by {settings.group_by}: {absent[0]} has nothing in this column. Fill it in")
        kinds.append([row.cells[settings.group_by] for row in rows])
        named.append(f"groups of one {settings.group_by}")
    if settings.block_km:
        if not any(places):
            raise UserError("--block-km: no image says where it was taken; GeoTIFF files with coordinates are wanted")
        kinds.append(blocks_of(places, settings.block_km))
        named.append(f"blocks of {settings.block_km:g} km")
    groups = merged_groups(*kinds) if len(kinds) == 2 else kinds[0] if kinds else None
    if any(row.cells.get("split") for row in rows):
        return groups, AS_GIVEN
    shares = " : ".join(f"{100 * share:.0f}" for share in SHARES.values())
    together = f" in {' and '.join(named)}" if named else ""
    return groups, f"{shares}, drawn by seed {settings.seed}{together}"


def torn_groups(splits: Splits, groups: Sequence[Hashable] | None) -> list[str]:
    """A line where given splits tear groups apart that somebody wants in one split."""
    torn = count_torn(splits, groups) if groups is not None else 0
    if not torn:
        return []
    return [
        f"{torn} of {len(set(groups or ()))} groups lie in more than one split, as these are given: scores will be too "
        "good. Leave the splits out to have groups kept together"
    ]


def _how_to_part(settings: ImageSettings, drawn: str) -> str:
    if drawn == AS_GIVEN:
        return "The splits are as given; left out, and with --block-km 10, neighbours are kept together"
    if settings.block_km:
        return f"Larger blocks than --block-km {settings.block_km:g} have fewer neighbours beyond their borders"
    return "Say --block-km 10 to keep neighbours together"
