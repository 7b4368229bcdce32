"""What area.json and task.json say, checked: bands, names of samples, kind of labels, partitions."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from baselines.bands import Unit
from harness.data.description import Band
from harness.data.files.budgets import BANDS, CLASSES, NAME_CHARACTERS, SIDE_PX
from harness.data.files.json_file import read_json_object
from harness.errors import UserError
from harness.records.labels import LabelKind, Split
from harness.tasks import TASKS

FORMAT = 1
AREA_FILE, TASK_FILE = "area.json", "task.json"
_SENSOR = re.compile(r"[a-z0-9_]{1,50}")
SPLITS: tuple[Split, ...] = get_args(Split)
MAKE_AGAIN = "Make the area again: python -m harness data areas"


@dataclass(frozen=True, kw_only=True)
class Area:
    """What the datasets of an area have in common."""

    sensors: Mapping[str, tuple[Band, ...]]
    """Sensor -> the bands of its arrays, in their order."""
    names: Mapping[Split, tuple[str, ...]]
    """Names of the samples, in the order of the rows."""
    size_px: tuple[int, int]
    """(height, width) of every image."""

    @property
    def bands(self) -> tuple[Band, ...]:
        return tuple(band for bands in self.sensors.values() for band in bands)


@dataclass(frozen=True, kw_only=True)
class Labelling:
    """What one dataset of an area asks."""

    kind: LabelKind
    class_names: tuple[str, ...]
    metric: str
    train_order: tuple[str, ...]
    """The train samples, so that each beginning is a smaller train split."""
    train_sizes: Mapping[str, int]
    """Partition -> how many of them it has."""


def read_area(directory: Path) -> Area:
    """The content of `directory`/area.json. UserError: it is missing, damaged, or of another format."""
    where = f"{directory.name}/{AREA_FILE}"
    content = read_json_object(directory / AREA_FILE, where)
    if content.get("format") != FORMAT:
        raise UserError(f"{where}: format {FORMAT} is wanted, {content.get('format')!r} found. {MAKE_AGAIN}")
    listed = _get(content, "sensors", dict, where)
    if not listed or sum(len(bands) for bands in listed.values() if isinstance(bands, list)) > BANDS:
        raise UserError(f"{where}: sensors lists no band, or more than {BANDS}. {MAKE_AGAIN}")
    for sensor in listed:
        if _SENSOR.fullmatch(sensor) is None:
            raise UserError(f"{where}: sensors has {sensor!r}, which is no name of files. {MAKE_AGAIN}")
    sensors = {name: tuple(_read_band(band, where) for band in _get(listed, name, list, where)) for name in listed}
    samples = _get(content, "samples", dict, where)
    names = {split: _read_names(samples, split, where) for split in SPLITS}
    size = _get(content, "size_px", list, where)
    if len(size) != 2 or not all(type(side) is int and 1 <= side <= SIDE_PX for side in size):
        raise UserError(f"{where}: size_px is {size}; two sides in pixels are wanted. {MAKE_AGAIN}")
    area = Area(sensors=sensors, names=names, size_px=(size[0], size[1]))
    for what, found in (("bands", [b.name for b in area.bands]), ("samples", [n for s in SPLITS for n in names[s]])):
        if len(set(found)) < len(found):
            raise UserError(f"{where}: {what} with different names are wanted, one is there twice. {MAKE_AGAIN}")
    return area


def read_labelling(directory: Path) -> Labelling:
    """The content of `directory`/task.json. UserError: it is missing or damaged."""
    where = f"{directory.name}/{TASK_FILE}"
    content = read_json_object(directory / TASK_FILE, where)
    kind = _get(content, "label_kind", str, where)
    if kind not in list(LabelKind) or TASKS[LabelKind(kind)].per_pixel:
        raise UserError(f"{where}: label_kind is {kind!r}; a kind of labels of whole images is wanted. {MAKE_AGAIN}")
    class_names = _read_names(content, "class_names", where)
    if not TASKS[LabelKind(kind)].fewest_classes <= len(class_names) <= CLASSES:
        raise UserError(f"{where}: {len(class_names)} class_names of {kind} labels. {MAKE_AGAIN}")
    sizes = _get(content, "train_sizes", dict, where)
    order = _read_names(content, "train_order", where)
    wrong = [name for name, size in sizes.items() if type(size) is not int or not 1 <= size <= len(order)]
    if wrong or "default" not in sizes:
        reason = f"train_sizes of {wrong[0]!r} is {sizes[wrong[0]]!r}" if wrong else "train_sizes has no 'default'"
        raise UserError(f"{where}: {reason}; numbers from 1 to {len(order)} are wanted. {MAKE_AGAIN}")
    return Labelling(
        kind=LabelKind(kind),
        class_names=class_names,
        metric=_get(content, "metric", str, where),
        train_order=order,
        train_sizes=sizes,
    )


def _read_band(band: Any, where: str) -> Band:
    if not isinstance(band, dict):
        raise UserError(f"{where}: sensors holds a {type(band).__name__} where a band is wanted. {MAKE_AGAIN}")
    unit = _get(band, "unit", str, where)
    if unit not in list(Unit):
        raise UserError(f"{where}: unit is {unit!r}; one of {', '.join(Unit)} is wanted. {MAKE_AGAIN}")
    numbers = [band.get(key) for key in ("wavelength_um", "gsd_m")]
    if not all(number is None or (isinstance(number, float) and number > 0) for number in numbers):
        raise UserError(f"{where}: wavelength_um or gsd_m of a band is no positive number. {MAKE_AGAIN}")
    return Band(
        name=_get(band, "name", str, where),
        kind=_get(band, "kind", str, where),
        alt_names=_read_names(band, "alt_names", where),
        wavelength_um=numbers[0],
        gsd_m=numbers[1],
        unit=Unit(unit),
    )


def _read_names(content: Mapping[str, Any], key: str, where: str) -> tuple[str, ...]:
    names = _get(content, key, list, where)
    if not all(isinstance(name, str) and 0 < len(name) <= NAME_CHARACTERS for name in names):
        raise UserError(f"{where}: {key} is not a list of names. {MAKE_AGAIN}")
    return tuple(names)


def _get(content: Mapping[str, Any], key: str, kind: type, where: str) -> Any:
    value = content.get(key)
    if not isinstance(value, kind):
        found = type(value).__name__ if key in content else "nothing"
        raise UserError(f"{where}: {key} is {found} where {kind.__name__} is wanted. {MAKE_AGAIN}")
    return value
