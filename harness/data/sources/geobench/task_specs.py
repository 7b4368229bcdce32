"""What a dataset says of itself in task_specs.pkl: its bands, its label and its size."""

from pathlib import Path
from typing import Any

from harness.data.description import Band, DatasetSpec, list_names
from harness.data.files.budgets import ALT_NAMES, BANDS, CLASSES, NAME_CHARACTERS, PICKLE_BYTES, SIDE_PX, TIME_STEPS
from harness.data.files.regular_file import read_regular
from harness.data.sources.geobench.pickle_allowlist import Record
from harness.data.sources.geobench.unpickle import safe_unpickle
from harness.errors import UserError
from harness.records.labels import LabelKind
from harness.tasks import TASKS

_LABEL_KINDS = {
    "Classification": LabelKind.SINGLE_LABEL,
    "MultiLabelClassification": LabelKind.MULTI_LABEL,
    "SemanticSegmentation": LabelKind.SEGMENTATION,
    "SegmentationClasses": LabelKind.SEGMENTATION,
    "Regression": LabelKind.REGRESSION,
}
_CUBES = ("MultiBand", "HyperSpectralBands")
"""Classes of band that hold a whole cube of channels under one name."""

_MAX_WAVELENGTH_UM = 100.0
"""Thermal bands end near 14 micrometres; a file in nanometres begins near 400."""
_MAX_GSD_M = 1e6
"""The coarsest instruments see pixels of some hundred kilometres."""
_MAX_BITS = 64
"""Of a number that is a class's name or part of a message."""


def read_task_spec(directory: Path, suite: str) -> DatasetSpec:
    """Read `directory`/task_specs.pkl without running it. The directory's name is the dataset's, as in GEO-Bench.

    Raises:
        UserError: the file is missing, damaged, names a foreign class, or describes a label we cannot evaluate.
    """
    where = f"{directory.name}/task_specs.pkl"
    task = safe_unpickle(read_regular(directory / "task_specs.pkl", where, PICKLE_BYTES), where)
    if not isinstance(task, Record) or task.class_name != "TaskSpecifications":
        raise UserError(f"{where}: a TaskSpecifications is wanted, {_kind_of(task)} found. Download the file again")
    label = _get(task, "label_type", Record, where)
    kind = _LABEL_KINDS.get(label.class_name)
    if kind is None:
        known = ", ".join(_LABEL_KINDS)
        raise UserError(f"{where}: labels of type {label.class_name} cannot be evaluated, only {known}")
    n_classes = _read_n_classes(label, kind, where)
    if n_classes < TASKS[kind].fewest_classes:
        raise UserError(f"{where}: a label of {_shown(n_classes)} classes leaves nothing to predict")
    if n_classes > CLASSES:
        raise UserError(f"{where}: a label of {_shown(n_classes)} classes; at most {CLASSES} can be evaluated")
    bands = _read_bands(task, where)
    spec = DatasetSpec(
        dataset=directory.name,
        suite=suite,
        label_kind=kind,
        n_classes=n_classes,
        class_names=_read_class_names(label, n_classes, where),
        size_px=_read_size(task, where),
        bands=tuple(band for band in bands if band.kind not in _CUBES),
        metric=TASKS[kind].headline,
        left_out=tuple(band.name for band in bands if band.kind in _CUBES),
        n_time_steps=_read_time_steps(task, where),
    )
    names = [band.name for band in spec.bands]
    if not names or len(set(names)) != len(names):
        raise UserError(f"{where}: bands with different names are wanted, found: {list_names(names) or 'none'}")
    return spec


def _read_bands(task: Record, where: str) -> list[Band]:
    """Each band once, however often a time series lists it."""
    listed = _get(task, "bands_info", list, where)
    if len(listed) > BANDS:
        raise UserError(f"{where}: bands_info lists {len(listed)} bands; at most {BANDS} are read")
    return list(dict.fromkeys(_read_band(band, where) for band in listed))


def _read_band(band: Any, where: str) -> Band:
    if not isinstance(band, Record):
        raise UserError(f"{where}: bands_info holds {_kind_of(band)} where a band is wanted")
    name = _get(band, "name", str, where)
    if len(name) > NAME_CHARACTERS:
        raise UserError(f"{where}: a band's name has {len(name)} characters; at most {NAME_CHARACTERS} are read")
    wavelength = band.fields.get("wavelength")
    if wavelength is not None and not (isinstance(wavelength, (int, float)) and 0 < wavelength <= _MAX_WAVELENGTH_UM):
        raise UserError(
            f"{where}: band {name} has wavelength {_shown(wavelength)}; micrometres are wanted, 0.49 for blue"
        )
    gsd = band.fields.get("spatial_resolution")
    if not isinstance(gsd, (int, float)):
        gsd = None  # GEO-Bench writes it for every sensor, and other makers of files leave it out
    elif not 0 <= gsd <= _MAX_GSD_M:
        raise UserError(
            f"{where}: band {name} has spatial_resolution {_shown(gsd)}; metres are wanted, 10 for Sentinel-2's blue"
        )
    alt_names = band.fields.get("alt_names") or ()
    if not isinstance(alt_names, (tuple, list)) or len(alt_names) > ALT_NAMES or not all(map(_is_name, alt_names)):
        raise UserError(f"{where}: the alternative names of band {name} are not a list of names")
    return Band(
        name=name,
        kind=band.class_name,
        alt_names=tuple(alt_names),
        wavelength_um=None if wavelength is None else float(wavelength),
        gsd_m=None if gsd is None else float(gsd),
    )


def _read_n_classes(label: Record, kind: LabelKind, where: str) -> int:
    """How many numbers a label of GEO-Bench's class for regression has, it does not say: one, unless the file does."""
    if kind is LabelKind.REGRESSION and "n_classes" not in label.fields:
        return 1
    return _get(label, "n_classes", int, where)


def _read_class_names(label: Record, n_classes: int, where: str) -> tuple[str, ...]:
    """GEO-Bench keeps them in `class_name` on multi-label types and in `_class_names` on the others."""
    names = label.fields.get("class_name") or label.fields.get("_class_names")
    if names is None:
        return tuple(str(index) for index in range(n_classes))
    if not isinstance(names, (tuple, list)) or len(names) != n_classes or not all(map(_is_class_name, names)):
        raise UserError(f"{where}: {n_classes} class names are wanted, {_shown(names)} found")
    return tuple(str(name) for name in names)


def _read_size(task: Record, where: str) -> tuple[int, int] | None:
    """Cubes have a third side, which is no side of the image."""
    size = task.fields.get("patch_size")
    if size is None:
        return None
    if not isinstance(size, (tuple, list)) or len(size) < 2 or not all(_is_whole(side, SIDE_PX) for side in size[:2]):
        raise UserError(f"{where}: patch_size is {_shown(size)}; two sides in pixels are wanted, of at most {SIDE_PX}")
    return size[0], size[1]


def _read_time_steps(task: Record, where: str) -> int:
    n_time_steps = task.fields.get("n_time_steps")
    if n_time_steps is None:
        return 1
    if not _is_whole(n_time_steps, TIME_STEPS):
        raise UserError(f"{where}: n_time_steps is {_shown(n_time_steps)}; a number of at most {TIME_STEPS} is wanted")
    return int(n_time_steps)


def _is_whole(value: Any, most: int) -> bool:
    return type(value) is int and 0 <= value <= most


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= NAME_CHARACTERS


def _is_class_name(value: Any) -> bool:
    """Some files call classes by their numbers."""
    return _is_name(value) or (isinstance(value, int) and value.bit_length() <= _MAX_BITS)


def _get(record: Record, name: str, kind: type, where: str) -> Any:
    value = record.fields.get(name)
    if not isinstance(value, kind):
        raise UserError(
            f"{where}: {record.class_name}.{name} is {_kind_of(value)}, {kind.__name__} wanted. Download the file again"
        )
    return value


def _kind_of(value: Any) -> str:
    return value.class_name if isinstance(value, Record) else type(value).__name__


def _shown(value: Any) -> str:
    """A value short enough for a message; containers may be nested without end, so only their length is told."""
    if isinstance(value, int) and value.bit_length() > _MAX_BITS:
        return f"a number of {value.bit_length()} bits"
    if isinstance(value, (tuple, list, dict)):
        return f"a {type(value).__name__} of {len(value)}"
    return repr(value)[:60] if isinstance(value, (str, int, float)) else _kind_of(value)
