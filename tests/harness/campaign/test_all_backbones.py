"""`--backbone all`: every built-in backbone that can run here, and one line for each that cannot."""

import pytest

from baselines.entry import Entry
from baselines.table import BACKBONES
from command_line import harness
from geobench_files import write_dataset
from harness.campaign.plan import belongs
from harness.records.job import DatasetRef
from leaderboards.simulated import DEMO_SUITE
from mp_mae.errors import NotHereError

MISSING = "far/away: model.safetensors is not here. Run `hf download far/away`"


def build(weights, seed):
    raise NotHereError(MISSING)


@pytest.fixture
def run(tmp_path):
    """A command that runs knn on one small dataset; of the built-in backbones two are left, one without its weights."""
    far = Entry(name="far", summary="for tests", module=__name__, weights="optional")
    whole = dict(BACKBONES)  # put back whole, as its order is what lists are in
    BACKBONES.clear()
    BACKBONES.update({"far": far, **{name: whole[name] for name in ("image_statistics", "mp_mae")}})
    write_dataset(tmp_path / "data", "toy", n_samples=9)
    write_dataset(tmp_path / "data", "zoo", n_samples=9)

    def evaluate(*backbones):
        chosen = [word for name in backbones for word in ("--backbone", name)]
        return harness(
            "run", *chosen, "--geobench-dir", tmp_path / "data", "--protocols", "knn,linear_probe", "--workers", 1,
            cwd=tmp_path,
        )  # fmt: skip

    yield evaluate
    BACKBONES.clear()
    BACKBONES.update(whole)


def test_what_is_not_on_this_machine_is_told_once_and_is_no_failure(run):
    done = run("all")
    assert done.returncode == 0, done.stderr
    assert f"skipped: far (4 runs of knn, linear_probe): {MISSING}" in done.stderr
    assert done.stderr.count(MISSING) == 1
    assert "failed" not in done.stderr
    assert "image_statistics" in done.stdout


def test_of_a_backbone_that_was_named_it_is_a_failure(run):
    done = run("far", "image_statistics")
    assert done.returncode == 1
    assert f"failed: far (4 runs of knn, linear_probe): {MISSING}" in done.stderr


@pytest.mark.parametrize(
    ("suite", "backbone", "runs"),
    [
        (DEMO_SUITE, "random_init", False),
        (DEMO_SUITE, "random_init_demo", True),
        ("any", "random_init", True),
        ("any", "random_init_demo", False),
        (DEMO_SUITE, "mp_mae", True),
        ("any", "mp_mae", True),
    ],
)
def test_of_twins_the_one_of_the_size_of_the_weights_that_are_there_runs(tmp_path, suite, backbone, runs):
    assert belongs(backbone, DatasetRef(name="d", suite=suite, directory=tmp_path)) is runs
