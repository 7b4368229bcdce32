"""A leaderboard of one million runs: what a reader and a campaign wait for.

Builds a file of about 1 GB, which takes a minute. Run: pytest tests/benchmarks/bench_leaderboard.py -s
"""

import itertools
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "leaderboards"))
from leaderboard_records import make_record

from leaderboards.file.derived import SELECT_DERIVED
from leaderboards.query import run_query
from leaderboards.store import Leaderboard, open_leaderboard

N_RUNS = 1_000_000
N_DATASETS = 12
N_SEEDS = 10
PARTITIONS = ("0.01x_train", "0.02x_train", "0.05x_train", "0.10x_train", "0.20x_train", "0.50x_train", "1.00x_train")
ROUNDS = 15

RUNS = f"""
INSERT INTO runs BY NAME
SELECT
    sha256(i::VARCHAR) AS run_id,
    'geobench-classification-v1.0' AS suite,
    'dataset-' || i % {N_DATASETS} AS dataset,
    'backbone-' || cell // {N_SEEDS * len(PARTITIONS) * 2} AS backbone,
    sha256('weights' || cell // {N_SEEDS * len(PARTITIONS) * 2}) AS weights_sha256,
    'fingerprint' AS dataset_fingerprint,
    if(cell // {N_SEEDS * len(PARTITIONS)} % 2 = 0, 'linear_probe', 'knn') AS protocol,
    1 AS protocol_version,
    {list(PARTITIONS)}[1 + cell // {N_SEEDS} % {len(PARTITIONS)}] AS partition,
    'seed' AS train_draw,
    'valid' AS selection,
    cell % {N_SEEDS} AS seed,
    'accuracy' AS metric,
    true AS higher_is_better,
    20 * (1 + cell // {N_SEEDS} % {len(PARTITIONS)}) AS n_train,
    1000 AS n_valid,
    1000 AS n_test,
    n_train AS n_labels_fit,
    1000 AS n_labels_select,
    'measured' AS source,
    '{{"k": 5, "bands": ["B2", "B3"]}}' AS configuration,
    '{{"git_commit": null}}' AS provenance,
    'cpu' AS device,
    0.5 AS seconds,
    TIMESTAMP '2026-03-01' AS finished_at,
    hash(i) % 1000 / 1000 AS score,
    score - 0.02 AS score_low,
    score + 0.02 AS score_high,
    {SELECT_DERIVED}
FROM (SELECT i, i // {N_DATASETS} AS cell FROM range({N_RUNS}) AS numbers (i))
"""
METRICS = """
INSERT INTO metrics BY NAME
SELECT run_id, split, names.metric, score AS value, score_low AS ci_low, score_high AS ci_high
FROM runs, (VALUES ('valid'), ('test')) AS splits (split), (VALUES ('accuracy'), ('f1_macro')) AS names (metric)
"""


@pytest.fixture(scope="module")
def million(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Leaderboard]:
    board = open_leaderboard(tmp_path_factory.mktemp("million") / "board.duckdb")
    start = time.perf_counter()
    with duckdb.connect(board.path) as connection:
        connection.execute("SET preserve_insertion_order = false")
        connection.execute(RUNS)
        connection.execute(METRICS)
    size = board.path.stat().st_size / 1e9
    print(f"\n{N_RUNS:,} runs, {4 * N_RUNS:,} metrics: {size:.2f} GB, built in {time.perf_counter() - start:.0f} s")
    yield board
    board.path.unlink()


@pytest.mark.parametrize(
    "query",
    [
        "SELECT backbone, partition, seed, value, ci_low, ci_high FROM leaderboard WHERE dataset = 'dataset-3' "
        "ORDER BY value DESC LIMIT 100",
        "SELECT backbone, protocol, n_labels_fit, value, ci_low, ci_high FROM label_efficiency "
        "WHERE dataset = 'dataset-3' ORDER BY ALL",
    ],
    ids=["leaderboard", "label_efficiency"],
)
def test_a_view_of_one_dataset_takes_less_than_300_ms(benchmark, million, query):
    benchmark.pedantic(run_query, (million.path, query), rounds=ROUNDS, warmup_rounds=2)
    print(f"\n{len(run_query(million.path, query).rows)} rows in {benchmark.stats.stats.median * 1000:.0f} ms")
    assert benchmark.stats.stats.median < 0.300


@pytest.mark.parametrize("n_predictions", [0, 1000], ids=["no predictions", "1,000 predictions"])
@pytest.mark.parametrize("size", ["empty", "million"])
def test_a_run_is_committed_in_less_than_30_ms(benchmark, request, tmp_path, size, n_predictions):
    """Durably, one after the other as a campaign does whose features are cached."""
    board = open_leaderboard(tmp_path / "board.duckdb") if size == "empty" else request.getfixturevalue("million")
    names = (f"{size}-{n_predictions}-{number}" for number in itertools.count())
    records = [make_record(next(names), n_predictions=n_predictions) for _ in range(10 * ROUNDS)]
    with board.session() as session:
        remaining = iter(records)
        benchmark.pedantic(lambda: session.commit(next(remaining)), rounds=10 * ROUNDS)
    print(f"\n{size}, {n_predictions} predictions: {benchmark.stats.stats.median * 1000:.1f} ms")
    assert benchmark.stats.stats.median < 0.030
