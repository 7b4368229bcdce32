"""What lies below a folder of data, as a table."""

from dataclasses import dataclass
from pathlib import Path

from harness.data.dataset import Dataset
from harness.data.description import describe_erratum
from harness.data.sources import open_dataset
from harness.data.suites import discover, tell_apart
from harness.errors import UnforeseenError, UserError
from leaderboards.query import Table

COLUMNS = ("dataset", "label", "classes", "size_px", "bands", "train", "valid", "test", "metric", "erratum")


@dataclass(frozen=True, kw_only=True)
class Overview:
    """Every dataset below a folder."""

    table: Table
    """One row per dataset, with the split sizes of its `default` partition and the bands that its channels are."""
    errata: tuple[str, ...]
    """A line per dataset whose files are known to be wrong."""
    problems: tuple[str, ...]
    """A line per dataset that cannot be read."""


def describe_datasets(root: Path) -> Overview:
    """What can be told without reading a pixel. Raises UserError as `discover` does."""
    rows, errata, problems = [], [], []
    for ref, name in tell_apart(discover(root)).items():
        try:
            dataset = open_dataset(ref)
            rows.append(_row(name, dataset))
        except UserError as error:
            problems.append(str(error))
            continue
        except Exception as error:  # the border between datasets: one must not hide the others
            problems.append(f"{name}: {UnforeseenError(error)}")
            continue
        if dataset.erratum:
            errata.append(f"{name}: {describe_erratum(dataset.erratum)}")
    return Overview(table=Table(columns=COLUMNS, rows=rows), errata=tuple(errata), problems=tuple(problems))


def _row(name: str, dataset: Dataset) -> tuple[object, ...]:
    spec, default = dataset.spec, dataset.partition("default")
    return (
        name,
        str(spec.label_kind),
        spec.n_classes,
        "x".join(map(str, spec.size_px)) if spec.size_px else None,
        " ".join(_short(band.name) for band in dataset.bands),
        len(default.train),
        len(default.valid),
        len(default.test),
        spec.metric,
        dataset.erratum.source if dataset.erratum else None,
    )


def _short(band: str) -> str:
    """`08A - Vegetation Red Edge` as `08A`."""
    return band.partition(" - ")[0]
