"""docs/scale.md: tasks go to what is free first, and the page is of the grid it names."""

import runpy
from pathlib import Path

import pytest

DOCS = Path(__file__).parent.parent / "docs"


@pytest.fixture(scope="module")
def made():
    return runpy.run_path(str(DOCS / "make_scale.py"))


def test_a_task_goes_to_the_gpu_that_is_free_first_and_its_probes_follow_it(made):
    work, simulate = made["Work"], made["simulate"]
    tasks = [work(4), work(2, (5, 1)), work(3)]
    assert simulate(tasks, 1, 1) == 4 + 2 + 5 + 1
    assert simulate(tasks, 1, 2) == 4 + 2 + 5
    assert simulate(tasks, 2, 2) == 2 + 5
    assert simulate([work(4), work(2), work(3)], 2, 1) == 2 + 3


def test_the_page_is_of_twelve_datasets_as_published_and_says_what_is_assumed(made):
    assert set(made["DATASETS"]) == set(made["ENTRIES"])
    assert sum(made["BACKBONES"].values()) == 10
    page = (DOCS / "scale.md").read_text()
    assert "are 21,000 lines of a plan" in page
    assert "**Assumed, not measured**" in page
