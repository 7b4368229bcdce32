"""Where datasets come from: one folder a source. To add one: its folder, and a line in `SOURCES`."""

from harness.data.dataset import Dataset
from harness.data.sources.demo import DEMO
from harness.data.sources.geobench import GEOBENCH
from harness.data.sources.source import Source
from harness.records.job import DatasetRef

SOURCES: dict[str, Source] = {source.name: source for source in (GEOBENCH, DEMO)}


def open_dataset(ref: DatasetRef) -> Dataset:
    """Read what a dataset says of itself, and correct it where it is known to be wrong, unless `ref` says not to.

    Raises:
        UserError: its description is missing, damaged or of something that cannot be evaluated.
    """
    return SOURCES[ref.source].open(ref)


def has_erratum(dataset: str) -> bool:
    """Whether the published files of a dataset of this name are known to have wrong names of bands."""
    return any(dataset in source.errata for source in SOURCES.values())
