"""Somebody's own images: described by `harness.data.own`, read where they lie."""

from pathlib import Path

from harness.data.own.description import FILE
from harness.data.own.understand import FOLDER
from harness.data.sources.own.dataset import open_dataset
from harness.data.sources.source import OWN, Source


def find_datasets(folder: Path) -> list[Path]:
    """Every folder with a dataset.json."""
    return [path.parent for path in folder.glob(f"*/{FILE}")]


OWN_IMAGES = Source(
    name="own",
    suites={FOLDER: OWN},
    find=find_datasets,
    proves=lambda dataset: False,  # they are always their user's
    open=open_dataset,
)
