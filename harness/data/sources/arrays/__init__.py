"""Somebody's own images: two NumPy arrays with a description in JSON, as `harness.api.dataset` writes them."""

from pathlib import Path

from harness.data.files.own_arrays import DESCRIPTION
from harness.data.sources.arrays.dataset import open_dataset
from harness.data.sources.source import OWN, Source


def find_datasets(folder: Path) -> list[Path]:
    """Every folder with a description."""
    return [path.parent for path in folder.glob(f"*/{DESCRIPTION}")]


ARRAYS = Source(
    name="arrays",
    suites={"arrays": OWN},
    find=find_datasets,
    proves=lambda dataset: False,  # they are always their user's
    open=open_dataset,
)
