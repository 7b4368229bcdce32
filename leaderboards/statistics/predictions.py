"""Stored predictions of runs as arrays: what `paired` sums up, sample by sample."""

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from leaderboards.errors import UserError
from leaderboards.statistics.paired import BOTH, FROM_TERMS, PREDICTED, TARGET, Summable, Terms
from leaderboards.statistics.reading import fetch

_TABLES = ("predictions", "mask_counts", "value_predictions", "error_sums")


def read_test_sets(path: Path, run_ids: Collection[str] | None = None) -> dict[str, str]:
    """run_id -> something that is equal for runs with stored predictions of the same test samples; others have none.

    Args:
        run_ids: only these; None: all.
    Raises:
        UserError: as `read_points`.
    """
    one = """
        SELECT run_id, concat_ws(' ', bit_xor(hash(sample)), count(*)) FROM {}
        WHERE split = 'test' AND ($runs IS NULL OR run_id IN (SELECT unnest($runs))) GROUP BY run_id"""
    runs = None if run_ids is None else list(run_ids)
    return dict(fetch(path, " UNION ALL ".join(one.format(table) for table in _TABLES), {"runs": runs}))


_TEST_SETS = """
    SELECT run_id, md5(string_agg(sample, chr(31) ORDER BY sample)), count(*)
    FROM {table} WHERE split = 'test' AND run_id IN (SELECT unnest($runs)) GROUP BY run_id
"""
_COUNTS = """
    WITH chosen AS (
        SELECT list_position($runs, run_id) - 1 AS run, dense_rank() OVER (ORDER BY sample) - 1 AS sample,
            target, predicted, {pixels} AS n_pixels
        FROM {table} WHERE split = 'test' AND run_id IN (SELECT unnest($runs))
    )
    SELECT run, sample, class, kind, sum(n)::BIGINT AS n FROM (
        SELECT run, sample, unnest(target) AS class, $target AS kind, unnest(n_pixels) AS n FROM chosen
        UNION ALL
        SELECT run, sample, unnest(predicted), $predicted, unnest({predicted_pixels}) FROM chosen
        UNION ALL
        {both}
    ) GROUP BY ALL
"""
_ONES = "list_transform({}, lambda _: 1)"
_OF_LABELS = {
    "table": "predictions",
    "pixels": _ONES.format("target"),
    "predicted_pixels": _ONES.format("predicted"),
    "both": "SELECT run, sample, unnest(list_intersect(target, predicted)), $both, 1 FROM chosen",
}
_OF_MASKS = {
    "table": "mask_counts",
    "pixels": "n_pixels",
    "predicted_pixels": "n_pixels",
    "both": """SELECT run, sample, class, $both, n FROM (
            SELECT run, sample, unnest(target) AS class, unnest(predicted) AS other, unnest(n_pixels) AS n FROM chosen
        ) WHERE class = other""",
}
_VALUES = """
    SELECT target, predicted FROM value_predictions
    WHERE split = 'test' AND run_id IN (SELECT unnest($runs)) ORDER BY list_position($runs, run_id), sample
"""
_ERROR_SUMS = """
    SELECT n_pixels, sum_target, sum_squared_target, sum_squared_error, sum_absolute_error FROM error_sums
    WHERE split = 'test' AND run_id IN (SELECT unnest($runs)) ORDER BY list_position($runs, run_id), sample
"""


def read_terms(path: Path, run_ids: Sequence[str], metric: str) -> dict[str, np.ndarray]:
    """Terms (n, C, F) of the stored test predictions (`paired`), all runs in the same order of samples.

    Args:
        metric: what they are for; C is 1 if it looks at sums over classes alone.
    Returns:
        By run; empty unless all runs have stored predictions and the metric follows from them.
    Raises:
        UserError: the runs were scored on different test samples.
    """
    if metric not in FROM_TERMS or not run_ids:
        return {}
    runs = list(dict.fromkeys(run_ids))
    for table, read in _READERS[FROM_TERMS[metric].terms].items():
        sets = fetch(path, _TEST_SETS.format(table=table), {"runs": runs})
        if len(sets) == len(runs):
            if len({digest for _, digest, _ in sets}) > 1:
                raise UserError(f"{path}: the runs to compare were scored on different test samples. Run them again.")
            terms = read(path, runs, int(sets[0][2]), FROM_TERMS[metric])
            return dict(zip(runs, terms, strict=True))
    return {}


def _counts(path: Path, runs: list[str], n_samples: int, metric: Summable, kind: Mapping[str, str]) -> np.ndarray:
    """(R, n, C, 3) int64 counts of decisions."""
    parameters = {"runs": runs, "target": TARGET, "predicted": PREDICTED, "both": BOTH}
    rows = np.array(fetch(path, _COUNTS.format(**kind), parameters), dtype=np.int64).reshape(-1, 5)
    run, sample, label, role, n = rows.T
    label = np.zeros_like(label) if metric.pooled else label
    counts = np.zeros((len(runs), n_samples, label.max(initial=0) + 1, 3), dtype=np.int64)
    np.add.at(counts, (run, sample, label, role), n)
    return counts


def _value_terms(path: Path, runs: list[str], n_samples: int, _: Summable) -> np.ndarray:
    """(R, n, K, 5) float64 of numbers, one label an output.

    Raises:
        UserError: runs whose predictions have other numbers of outputs.
    """
    rows = fetch(path, _VALUES, {"runs": runs})
    if len({len(target) for target, _ in rows}) > 1:
        raise UserError(f"{path}: the runs to compare predict different numbers of values. Run them again.")
    values = np.array(rows, dtype=np.float64).reshape(len(runs), n_samples, 2, -1)
    target, predicted = np.moveaxis(values, 2, 0)  # (R, n, K)
    deviation, error = target - target.mean(axis=1, keepdims=True), predicted - target
    return np.stack([np.ones_like(target), deviation, deviation**2, error**2, np.abs(error)], axis=-1)


def _sum_terms(path: Path, runs: list[str], n_samples: int, _: Summable) -> np.ndarray:
    """(R, n, 1, 5) float64 of images whose pixels have labels.

    Sums about 0 are moved to be about the mean target: their squares would be alike in all digits that count.
    """
    rows = np.array(fetch(path, _ERROR_SUMS, {"runs": runs}), dtype=np.float64).reshape(len(runs), n_samples, 5)
    count, total, square, squared_error, absolute_error = np.moveaxis(rows, -1, 0)  # (R, n)
    centre = total.sum(axis=1, keepdims=True) / np.maximum(count.sum(axis=1, keepdims=True), 1)
    deviation, squared_deviation = total - centre * count, square - 2 * centre * total + centre**2 * count
    return np.stack([count, deviation, squared_deviation, squared_error, absolute_error], axis=-1)[:, :, None]


_READERS: Mapping[Terms, Mapping[str, Callable[[Path, list[str], int, Summable], np.ndarray]]] = {
    Terms.DECISIONS: {
        "predictions": partial(_counts, kind=_OF_LABELS),
        "mask_counts": partial(_counts, kind=_OF_MASKS),
    },
    Terms.ERRORS: {"value_predictions": _value_terms, "error_sums": _sum_terms},
}
"""Table of the leaderboard -> what makes its rows of R runs, each with n samples, (R, n, C, F) terms."""
