"""Areas of interest: NumPy arrays with a description in JSON (docs/areas.md). `harness.demo.areas` simulates some.

A folder an area holds `area.json` and its pixels, and in it a folder a dataset: several kinds of labels of one image
share its pixels.
"""

from pathlib import Path

from harness.data.sources.areas.dataset import open_dataset
from harness.data.sources.areas.description import TASK_FILE
from harness.data.sources.source import SIMULATED_FILE, Source
from leaderboards.simulated import AREAS_SUITE


def find_datasets(folder: Path) -> list[Path]:
    """Every folder with a task.json inside the folder of an area. One that begins with a dot is still being made."""
    return [task.parent for task in folder.glob(f"*/*/{TASK_FILE}") if task.parent.parent.name[0] != "."]


AREAS = Source(
    name="areas",
    suites={"areas": AREAS_SUITE},
    find=find_datasets,
    proves=lambda dataset: (dataset.parent / SIMULATED_FILE).is_file(),
    open=open_dataset,
)
