"""Somebody's own images: described by `harness.data.own`, read where they lie, or from arrays they were imported to."""

from pathlib import Path

from harness.data.description import NO_PIXELS
from harness.data.own.description import FILE
from harness.data.own.understand import FOLDER
from harness.data.sources.own.dataset import OwnDataset, open_dataset
from harness.data.sources.own.imported import ImportedDataset
from harness.data.sources.own.labels_alone import LabelsAlone
from harness.data.sources.source import OWN, Source
from harness.records.job import DatasetRef


def find_datasets(folder: Path) -> list[Path]:
    """Every folder with a dataset.json."""
    return [path.parent for path in folder.glob(f"*/{FILE}")]


def open_own(ref: DatasetRef) -> OwnDataset:
    """A dataset of images where they lie, of arrays that were made of them, or of labels alone.

    Raises:
        UserError: dataset.json is missing or damaged.
    """
    dataset = open_dataset(ref)
    if dataset.understood.imported:
        return ImportedDataset(**vars(dataset))
    return LabelsAlone(**vars(dataset)) if dataset.bands[0].kind == NO_PIXELS else dataset


OWN_IMAGES = Source(
    name="own",
    suites={FOLDER: OWN},
    find=find_datasets,
    proves=lambda dataset: False,  # they are always their user's
    open=open_own,
)
