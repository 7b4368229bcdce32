"""GEO-Bench-2: tortilla files (docs/geobench2.md), read without its own package. Needs the extra `geo`."""

from pathlib import Path

from harness.data.sources.geobench2.dataset import is_published, open_dataset
from harness.data.sources.geobench2.downloads import DOWNLOADS
from harness.data.sources.geobench2.errata import ERRATA
from harness.data.sources.geobench2.tortilla import SUFFIX
from harness.data.sources.source import Source


def find_datasets(folder: Path) -> list[Path]:
    """Every folder with a tortilla, whole or in parts."""
    return list({file.parent for file in folder.glob(f"*/*{SUFFIX}") if file.parent.name[0] != "."})


GEOBENCH_2 = Source(
    name="geobench2",
    suites={"geobench2": "geobench-2"},
    find=find_datasets,
    proves=is_published,
    open=open_dataset,
    errata=ERRATA,
    downloads=DOWNLOADS,
)
