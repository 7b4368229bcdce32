"""Campaigns on small data for tests of executors, and what their leaderboards hold that no executor may change."""

from geobench_files import write_dataset, write_partition
from harness.campaign.carry_out import run_campaign
from harness.campaign.request import make_request
from harness.records.progress import Silent
from leaderboards.query import run_query

SAME = (
    "SELECT * EXCLUDE (seconds, images_per_second, finished_at, provenance), provenance->'ran_with', "
    "provenance->'network_input' FROM runs ORDER BY run_id"
)
"""What runs record wherever they are done."""


def write_suite(root, names=("toy", "other")):
    """Datasets of 72 samples of three classes, 36 to train on."""
    for name in names:
        directory = write_dataset(root, name, n_samples=72)
        samples = [f"id_{i}" for i in range(72)]
        write_partition(directory, "default", train=samples[36:], valid=samples[:18], test=samples[18:36])
    return root


def ask(data, folder, **changed):
    """A request for a campaign of ordinary runs, results and cache in `folder`."""
    words = {
        "backbones": ["image_statistics", "random_init"],
        "weights": [],
        "datasets": (),
        "protocols": ("linear_probe", "knn", "few_shot", "few_shot_forest"),
        "partitions": ("default",),
        "seeds": (0, 1),
        "train_draw": "partition",
        "selection": "valid",
        "shots": (1, 5),
        "budgets": (),
        "missing_bands": "zero",
        "device": "cpu",
    }
    where = {"geobench_dir": data, "db": folder / "board.duckdb", "cache_dir": folder / "cache"}
    return make_request(**{**words, **where, **changed})


def run(request, watch=None):
    """The lines of a campaign as it ended."""
    return run_campaign(request, Silent(), watch) if watch else run_campaign(request, Silent())


def rows(request):
    """All rows of a leaderboard that no executor may change."""
    queries = [SAME, *(f"FROM {table} ORDER BY ALL" for table in ("metrics", "class_metrics", "predictions"))]
    return [run_query(request.db, query).rows for query in queries]
