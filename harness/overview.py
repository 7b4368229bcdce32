"""What lies below a GEO-Bench folder, as a table."""

from pathlib import Path

from harness.data.dataset import open_dataset
from harness.data.suites import discover, headline_metric
from harness.errors import UserError
from harness.records import DatasetRef
from leaderboards.query import Table

COLUMNS = ("dataset", "label", "classes", "size_px", "bands", "train", "valid", "test", "metric")


def describe_datasets(root: Path) -> tuple[Table, list[str]]:
    """One row per dataset (split sizes of the `default` partition), and a line per dataset that cannot be read."""
    rows, problems = [], []
    for ref in discover(root):
        try:
            rows.append(_row(ref))
        except UserError as error:
            problems.append(str(error))
    return Table(columns=COLUMNS, rows=rows), problems


def _row(ref: DatasetRef) -> tuple[object, ...]:
    dataset = open_dataset(ref)
    spec, default = dataset.spec, dataset.partition("default")
    return (
        ref.name,
        str(spec.label_kind),
        spec.n_classes,
        "x".join(map(str, spec.size_px)) if spec.size_px else None,
        " ".join(_short(band.name) for band in dataset.bands),
        len(default.train),
        len(default.valid),
        len(default.test),
        headline_metric(ref.name, spec.label_kind),
    )


def _short(band: str) -> str:
    """`08A - Vegetation Red Edge` as `08A`."""
    return band.partition(" - ")[0]
