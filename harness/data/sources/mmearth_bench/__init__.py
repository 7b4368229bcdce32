"""MMEarth-Bench: five tasks, an HDF5 file and a file of splits each (docs/mmearth_bench.md)."""

from pathlib import Path

from harness.data.sources.mmearth_bench.dataset import ELSEWHERE, TASKS_OF_TILES, open_dataset
from harness.data.sources.mmearth_bench.downloads import DOWNLOADS
from harness.data.sources.source import Source


def find_datasets(folder: Path) -> list[Path]:
    """Two for every folder with the splits of a task of its name, as it is tested at two kinds of places. The second is
    called like no folder."""
    tasks = [
        file.parent for file in folder.glob("*/*_split_data.json") if file.stem == f"{file.parent.name}_split_data"
    ]
    return [task.with_name(task.name + test) for task in tasks for test in ("", ELSEWHERE)]


# How many tiles each task has was not published, so its name has to do.
MMEARTH_BENCH = Source(
    name="mmearth_bench",
    suites={"mmearth-bench": "mmearth-bench"},
    find=find_datasets,
    proves=lambda directory: directory.name.removesuffix(ELSEWHERE) in TASKS_OF_TILES,
    open=open_dataset,
    downloads=DOWNLOADS,
)
