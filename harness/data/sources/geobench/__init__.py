"""GEO-Bench v1.0: one folder a dataset, one HDF5 file a sample, read without its own package."""

from pathlib import Path

from harness.data.sources.geobench.dataset import is_published, open_dataset
from harness.data.sources.geobench.downloads import DOWNLOADS
from harness.data.sources.geobench.errata import ERRATA
from harness.data.sources.source import Source

SUITES: dict[str, str] = {
    "classification_v1.0": "geobench-classification-v1.0",
    "segmentation_v1.0": "geobench-segmentation-v1.0",
}
"""Folder below the root -> name of the suite."""


def find_datasets(folder: Path) -> list[Path]:
    """Every folder with a task_specs.pkl, published or not. GEO-Bench reserves names that begin with a dot or an
    underscore for work in progress."""
    return [task.parent for task in folder.glob("*/task_specs.pkl") if task.parent.name[0] not in "._"]


GEOBENCH = Source(
    name="geobench",
    suites=SUITES,
    find=find_datasets,
    proves=is_published,
    open=open_dataset,
    errata=ERRATA,
    downloads=DOWNLOADS,
)
