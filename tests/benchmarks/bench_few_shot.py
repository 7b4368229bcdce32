"""The few-shot grid once features exist: 6 numbers of labels x 10 draws x 4 classifiers, stored in the leaderboard.

2,000 / 1,000 / 1,000 images of 10 classes, 320 correlated features. Everything but the features is included: the plan,
the draws, choosing on valid, metrics with bootstrap intervals, one DuckDB transaction a run.
Run: pytest tests/benchmarks/bench_few_shot.py -s
"""

from pathlib import Path

import numpy as np
import pytest

from geobench_files import BLUE, RED, thing, write_dataset, write_partition, write_sample, write_task
from harness.campaign.carry_out import run_campaign
from harness.campaign.plan import State, build_plan
from harness.campaign.request import make_request
from harness.data.suites import discover
from harness.execution.workbench import Workbench
from harness.records.identity import feature_key
from harness.records.job import Places
from harness.records.progress import Silent
from leaderboards.query import run_query

N_TRAIN, N_VALID, N_TEST, WIDTH, N_CLASSES = 2_000, 1_000, 1_000, 320, 10
SHOTS, DRAWS = (1, 2, 5, 10, 20, 50), tuple(range(10))
CLASSIFIERS = ("few_shot", "few_shot_nearest_mean", "few_shot_forest", "few_shot_ridge")
GOAL_SECONDS = 30
WORKERS = 2
ROUNDS = 3


def draw_features(labels: np.ndarray) -> np.ndarray:
    """(n, WIDTH) float32: variances and class means fall off as 1 / d in hidden directions; classes overlap."""
    random = np.random.default_rng(0)
    spread = 1 / np.sqrt(np.arange(1, WIDTH + 1))
    means = random.standard_normal((N_CLASSES, WIDTH)) * spread * 0.5
    hidden = random.standard_normal((len(labels), WIDTH)) * spread + means[labels]
    return (hidden @ np.linalg.qr(random.standard_normal((WIDTH, WIDTH)))[0]).astype(np.float32)


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """A dataset of 4 x 4 px, as pixels do not matter here."""
    root = tmp_path_factory.mktemp("data")
    directory = write_dataset(root, n_samples=1)
    names = [f"id_{index}" for index in range(N_TRAIN + N_VALID + N_TEST)]
    pixels = np.zeros((4, 4), np.uint16)
    for index, name in enumerate(names):
        write_sample(directory, name, [(BLUE, pixels, None), (RED, pixels, None)], label=index % N_CLASSES)
    write_task(directory, [BLUE, RED], thing("Classification", n_classes=N_CLASSES, _class_names=list("abcdefghij")))
    train, valid, test = names[:N_TRAIN], names[N_TRAIN:-N_TEST], names[-N_TEST:]
    write_partition(directory, "default", train=train, valid=valid, test=test)
    return root


def request(root: Path, folder: Path, selection: str):
    return make_request(
        backbones=["image_statistics"],
        weights=[],
        geobench_dir=root,
        datasets=(),
        protocols=CLASSIFIERS,
        partitions=("default",),
        seeds=DRAWS,
        train_draw="partition",
        selection=selection,
        shots=SHOTS,
        budgets=(),
        missing_bands="error",
        db=folder / "leaderboard.duckdb",
        cache_dir=root / "cache",
        device="cpu",
        workers=WORKERS,
    )


def give_features(asked, root: Path) -> None:
    """Put simulated features in the place of the backbone's."""
    workbench = Workbench(Places(cache_dir=asked.cache_dir, device="cpu"), Silent())
    job = build_plan(asked, workbench, convert=True)[0].job
    workbench.features(job)
    (ref,) = discover(root)
    path = asked.cache_dir / "features" / f"{feature_key(job.run)}.npy"
    assert path.exists()
    np.save(path, draw_features(workbench.arrays(ref).labels))


@pytest.mark.parametrize("selection", ["valid", "cv"])
def test_the_few_shot_grid_takes_less_than_half_a_minute(benchmark, root, tmp_path, selection):
    give_features(request(root, tmp_path, selection), root)
    folders = iter([tmp_path / str(i) for i in range(ROUNDS)])
    lines = benchmark.pedantic(
        lambda asked: run_campaign(asked, Silent()),
        setup=lambda: ((request(root, next(folders), selection),), {}),
        rounds=ROUNDS,
    )
    assert [line.state for line in lines] == [State.NEW] * len(SHOTS) * len(DRAWS) * len(CLASSIFIERS)
    median = benchmark.stats.stats.median
    query = (
        "SELECT protocol, list(round(score, 3) ORDER BY n) AS scores, sum(seconds) FROM (SELECT l.protocol, "
        "l.n_labels_fit AS n, avg(l.value) AS score, sum(r.seconds) AS seconds FROM leaderboard l JOIN runs r "
        "USING (run_id) GROUP BY ALL) GROUP BY ALL ORDER BY ALL"
    )
    rows = run_query(tmp_path / "0" / "leaderboard.duckdb", query).rows
    print(f"\nchosen by {selection}: {len(lines)} runs in {median:.1f} s; mean accuracy for k = {SHOTS}:")
    for protocol, scores, seconds in rows:
        print(f"  {protocol}: {', '.join(map(str, scores))} ({seconds:.1f} s)")
    if selection == "valid":
        assert median < GOAL_SECONDS
