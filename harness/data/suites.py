"""Where GEO-Bench data lie, which suites and datasets are there, and what their files cannot say."""

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from harness.errors import UserError
from harness.records.job import DatasetRef
from harness.records.labels import LabelKind
from harness.tasks import TASKS

DEMO_SUITE = "demo"
"""Simulated, and therefore kept out of every comparison with real data."""

SUITES: dict[str, str] = {
    "classification_v1.0": "geobench-classification-v1.0",
    "segmentation_v1.0": "geobench-segmentation-v1.0",
    "demo": DEMO_SUITE,
}
"""Directory below the root -> name of the suite."""

_DOWNLOADED = [directory for directory, suite in SUITES.items() if suite != DEMO_SUITE]

_ROOT_VARIABLE = "GEO_BENCH_DIR"
_DEFAULT_ROOT = Path("~/dataset/geobench")
_TASK_FILE = "task_specs.pkl"
HOW_TO_GET = (
    "To get the data: hf download recursix/geo-bench-1.0 --repo-type dataset --local-dir DIR, then unzip each zip file "
    "in the folder it lies in, and pass DIR as --geobench-dir"
)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What the files of a published dataset do not say about it."""

    metric: str
    """Headline metric of the published evaluation."""
    stats_divisor: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    """Class of band -> what its stored statistics are divided by to be in the pixels' unit."""


ENTRIES: dict[str, Entry] = {
    "m-bigearthnet": Entry(metric="f1_micro"),
    # The pixels are reflectances in 0..1, the Sentinel-2 statistics are of reflectance times 10,000.
    "m-so2sat": Entry(metric="accuracy", stats_divisor={"Sentinel2": 10_000.0}),
    "m-brick-kiln": Entry(metric="accuracy"),
    "m-forestnet": Entry(metric="accuracy"),
    "m-eurosat": Entry(metric="accuracy"),
    "m-pv4ger": Entry(metric="accuracy"),
    "m-pv4ger-seg": Entry(metric="miou"),
    "m-chesapeake": Entry(metric="miou"),
    "m-cashew-plant": Entry(metric="miou"),
    "m-SA-crop-type": Entry(metric="miou"),
    "m-nz-cattle": Entry(metric="miou"),
    "m-NeonTree": Entry(metric="miou"),
}


def headline_metric(name: str, label_kind: LabelKind) -> str:
    """The metric that chooses hyper-parameters and ranks: the published one, else the usual one for the label."""
    entry = ENTRIES.get(name)
    return entry.metric if entry else TASKS[label_kind].headline


def has_no_data(option: Path | None) -> bool:
    """Whether nobody said where GEO-Bench is and it is not in the default place: then the demo suite serves."""
    return option is None and not os.environ.get(_ROOT_VARIABLE) and not _DEFAULT_ROOT.expanduser().is_dir()


def find_root(option: Path | None) -> Path:
    """The directory that holds the suites: the option, else $GEO_BENCH_DIR, else ~/dataset/geobench.

    Raises:
        UserError: it is not a directory; says which of the three was tried and how to get the data.
    """
    variable = os.environ.get(_ROOT_VARIABLE)
    if option is not None:
        root, origin = option, "given as --geobench-dir"
    elif variable:
        root, origin = Path(variable), f"given by ${_ROOT_VARIABLE}"
    else:
        root, origin = _DEFAULT_ROOT, f"the default, as neither --geobench-dir nor ${_ROOT_VARIABLE} is set"
    root = root.expanduser()
    if not root.is_dir():
        raise UserError(f"no GEO-Bench data: {root} ({origin}) is not a directory. {HOW_TO_GET}")
    return root


def discover(root: Path) -> list[DatasetRef]:
    """Every dataset below a root, by suite and name. Any directory with a task_specs.pkl is one, published or not.

    Raises:
        UserError: there is none, or `root` is a suite or a dataset itself; says which directory to pass.
    """
    found = [
        DatasetRef(name=directory.name, suite=suite, directory=directory)
        for suite_directory, suite in SUITES.items()
        for directory in _datasets_in(root / suite_directory)
    ]
    if not found:
        raise UserError(_why_none(root.resolve()))
    return sorted(found, key=lambda ref: (ref.suite, ref.name))


def tell_apart(refs: Iterable[DatasetRef]) -> dict[DatasetRef, str]:
    """What each dataset is called among these: its name, after its suite where another suite has that name too."""
    refs = list(dict.fromkeys(refs))
    counts = Counter(ref.name for ref in refs)
    return {ref: ref.name if counts[ref.name] == 1 else ref.qualified_name for ref in refs}


def _datasets_in(directory: Path) -> list[Path]:
    """Data sets of one suite. GEO-Bench reserves names that begin with a dot or an underscore for work in progress."""
    if not directory.is_dir():
        return []
    return [task.parent for task in directory.glob(f"*/{_TASK_FILE}") if task.parent.name[0] not in "._"]


def _why_none(root: Path) -> str:
    if (root / _TASK_FILE).is_file():
        return f"{root} is one dataset; pass the directory that holds {' and '.join(_DOWNLOADED)}: {root.parent.parent}"
    if root.name in SUITES:
        return f"{root} is one suite; pass the directory above it: {root.parent}"
    if any((root / suite).is_dir() for suite in SUITES):
        return f"{root}: no dataset in {' or '.join(_DOWNLOADED)}; zip files may still be to unzip. {HOW_TO_GET}"
    return f"{root} holds no dataset: {' or '.join(_DOWNLOADED)} is wanted in it. {HOW_TO_GET}"
