"""Where datasets come from: one folder a source. To add one: its folder, and a line in `SOURCES`."""

from harness.data.dataset import Dataset
from harness.data.sources.areas import AREAS
from harness.data.sources.arrays import ARRAYS
from harness.data.sources.demo import DEMO
from harness.data.sources.geobench import GEOBENCH
from harness.data.sources.geobench2 import GEOBENCH_2
from harness.data.sources.mmearth_bench import MMEARTH_BENCH
from harness.data.sources.own import OWN_IMAGES
from harness.data.sources.source import Source
from harness.errors import UserError
from harness.records.job import DatasetRef
from harness.tasks import TASKS

SOURCES: dict[str, Source] = {
    source.name: source for source in (GEOBENCH, GEOBENCH_2, MMEARTH_BENCH, DEMO, AREAS, ARRAYS, OWN_IMAGES)
}


def open_dataset(ref: DatasetRef) -> Dataset:
    """Read what a dataset says of itself, and correct it where it is known to be wrong, unless `ref` says not to.

    Raises:
        UserError: its description is missing, damaged or of something that cannot be evaluated.
    """
    dataset = SOURCES[ref.source].open(ref)
    kind, metric = dataset.spec.label_kind, dataset.spec.metric
    if metric not in (known := TASKS[kind].metrics):
        raise UserError(
            f"{ref.directory}: the source {ref.source} gives it the headline metric {metric!r}, which is none of "
            f"{kind} labels; there are: {', '.join(known)}"
        )
    return dataset


def has_erratum(dataset: str) -> bool:
    """Whether the published files of a dataset of this name are known to have wrong names of bands."""
    return any(dataset in source.errata for source in SOURCES.values())
