"""The files of one area of interest: its chips, which split each is in, and where on the globe each lies."""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mp_mae.errors import UserError
from mp_mae.files.json_file import read_json
from mp_mae.files.listing import paths_in

MARK = "_partitions_aschips_"
"""Within the name of the folder of chips, `<area>_partitions_aschips_<hash>`, and of the files beside it."""

SPLITS = ("train", "val", "test")

WIDEST = 1.0
"""Degrees; a chip of 4,480 m is wider only next to a pole or across the date line, where M3LEO has none."""

DOWNLOAD = "Download it again."


@dataclass(frozen=True)
class Box:
    """What a chip covers, in degrees (WGS 84)."""

    west: float
    south: float
    east: float
    north: float


@dataclass(frozen=True)
class Chip:
    """One place, which has a file of its name in the folder of every dataset."""

    name: str
    split: str
    box: Box


@dataclass(frozen=True)
class Area:
    """One area of interest on disk."""

    folder: Path
    """Holds a folder for each dataset."""
    chips: Mapping[str, Chip]
    """Chips that have a split, by name, in the order of the file of splits."""

    @property
    def name(self) -> str:
        return self.folder.name.partition(MARK)[0]


def open_area(folder: Path, *, splits: Path | None = None, geometry: Path | None = None) -> Area:
    """Find and read what describes an area.

    Args:
        folder: the folder of chips, or the one that holds it and the files beside it.
        splits, geometry: files to take where there are several.
    Raises:
        UserError: a file is missing, ambiguous or damaged, or a chip has a split and no place.
    """
    chips = _chips_folder(folder)
    beside = [path for path in (chips.parent, chips) if path.is_dir()]
    splits = splits or _only(beside, f"{chips.name}*_splits_*.csv", "--splits")
    geometry = geometry or _only(beside, f"{chips.name}*.geojson", "--geometry")
    split_of = _read_splits(splits)
    boxes = _read_boxes(geometry)
    homeless = next((name for name in split_of if name not in boxes), None)
    if homeless is not None:
        raise UserError(
            f"{geometry}: has no chip {homeless}, which {splits} lists. Pass files that belong together: "
            "--geometry FILE --splits FILE."
        )
    return Area(chips, {name: Chip(name, split, boxes[name]) for name, split in split_of.items()})


def _chips_folder(folder: Path) -> Path:
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder. Pass the folder of one area of interest of M3LEO.")
    if MARK in folder.resolve().name:
        return folder.resolve()
    found = [path for path in paths_in(folder, f"*{MARK}*") if path.is_dir()]
    if len(found) == 1:
        return found[0].resolve()
    if found:
        names = ", ".join(path.name for path in found)
        raise UserError(f"{folder}: wanted one area of interest; found {names}. Pass one of these folders.")
    if next(folder.glob("*.zstd.parquet"), None):
        raise UserError(
            f"{folder}: found .zstd.parquet files of the full set; wanted plain files, as the miniset has them. "
            f"Unpack `content` of every row to its `path` in a folder <area>{MARK}<hash>."
        )
    raise UserError(f"{folder}: no folder <area>{MARK}<hash> in it. Pass the folder of one area of interest of M3LEO.")


def _only(folders: list[Path], pattern: str, option: str) -> Path:
    """The one file of that name in the first folder that has any."""
    for folder in folders:
        found = paths_in(folder, pattern)
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(path.name for path in found)
            raise UserError(f"{folder}: wanted one {pattern}; found {names}. Choose: {option} FILE")
    raise UserError(f"{folders[0]}: no {pattern} in it. Download it, or name it: {option} FILE")


def _read_splits(path: Path) -> dict[str, str]:
    """Split by chip of a CSV file with the columns `identifier` and `split`."""
    split_of: dict[str, str] = {}
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file)
            missing = [name for name in ("identifier", "split") if name not in (rows.fieldnames or ())]
            if missing:
                raise UserError(f"{path}: no column {' or '.join(missing)}; found {rows.fieldnames}. {DOWNLOAD}")
            for row in rows:
                name, split = row["identifier"], row["split"]
                where = f"{path}, line {rows.line_num}"
                if split not in SPLITS:
                    raise UserError(f"{where}: split {split!r}; wanted {', '.join(SPLITS)}. {DOWNLOAD}")
                if not name or not name.isalnum():
                    raise UserError(f"{where}: identifier {name!r}; wanted letters and digits. {DOWNLOAD}")
                if split_of.setdefault(name, split) != split:
                    raise UserError(f"{where}: chip {name} is in {split} and in {split_of[name]}. {DOWNLOAD}")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: cannot be read ({error}). {DOWNLOAD}") from error
    return split_of


def _read_boxes(path: Path) -> dict[str, Box]:
    """What every chip of a GeoJSON file covers, by its `identifier`."""
    content = read_json(path, "Download it again, or cut it to the chips at hand.")
    try:
        _check_degrees(path, content)
        features = [(feature["properties"]["identifier"], feature["geometry"]) for feature in content["features"]]
        return {name: _box(f"{path}: chip {name}", geometry["coordinates"]) for name, geometry in features}
    except (AttributeError, KeyError, IndexError, TypeError, ValueError, RecursionError) as error:
        raise UserError(
            f"{path}: wanted a FeatureCollection; each feature with an identifier and a polygon ({error!r}). {DOWNLOAD}"
        ) from error


def _check_degrees(path: Path, content: Any) -> None:
    """GeoJSON has longitude and latitude, unless it says otherwise as it once could."""
    named = str(content["crs"]["properties"]["name"]) if content.get("crs") else "CRS84"
    if not named.endswith(("CRS84", ":4326")):
        raise UserError(f"{path}: coordinates are in {named}; wanted longitude and latitude. Convert to EPSG:4326.")


def _box(where: str, coordinates: Any) -> Box:
    points = list(_points(coordinates))
    west, east = min(x for x, _ in points), max(x for x, _ in points)
    south, north = min(y for _, y in points), max(y for _, y in points)
    inside = -180 <= west < east <= 180 and -90 <= south < north <= 90
    if not inside or east - west > WIDEST or north - south > WIDEST:
        raise UserError(
            f"{where} covers longitudes {west:g} to {east:g} and latitudes {south:g} to {north:g}; "
            f"wanted a chip of 4,480 m, in degrees. {DOWNLOAD}"
        )
    return Box(west, south, east, north)


def _points(coordinates: Any) -> Iterator[tuple[float, float]]:
    """Every longitude and latitude of nested lists of whatever depth."""
    if isinstance(coordinates[0], list):
        for part in coordinates:
            yield from _points(part)
    else:
        yield float(coordinates[0]), float(coordinates[1])
