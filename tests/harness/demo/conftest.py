"""A small demo suite, built once for all tests."""

from dataclasses import replace
from pathlib import Path

import pytest

from harness.demo.build import ensure_demo_suite
from harness.demo.tasks import TASKS
from harness.records.labels import LabelKind
from harness.records.progress import Silent

SMALL = {"train": 120, "valid": 15, "test": 90}
SMALL_CROPS = {"train": 25, "valid": 6, "test": 15}


def shrink(task):
    return replace(task, sizes=SMALL_CROPS if task.kind is LabelKind.SEGMENTATION else SMALL)


@pytest.fixture(scope="session")
def small_tasks():
    """The demo tasks with fewer samples."""
    return [shrink(task) for task in TASKS.values()]


@pytest.fixture(scope="session")
def suite(tmp_path_factory, small_tasks) -> Path:
    """GEO-Bench's root with the four small tasks of seed 0, by one process. Read only."""
    return ensure_demo_suite(tmp_path_factory.mktemp("suite"), 0, Silent(), tasks=small_tasks, processes=1)


@pytest.fixture
def tiny_task():
    """A task that is built in a fraction of a second."""
    return replace(TASKS["demo-climate"], sizes={"train": 24, "valid": 6, "test": 6})
