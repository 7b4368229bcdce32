"""What a check finds, and how often it fails without cause, by simulation: what docs/ci.md tables.

Six curves of seven points each. The score of a seed has a part that comes from its draw of training samples, the same
then and now where the draw is shared, and a part that is new in every run.
"""

import numpy as np

from leaderboards.checks.baseline import Baseline, BaselinePoint, CurveName
from leaderboards.checks.check import check, failed

LABELS = (10, 20, 50, 100, 200, 500, 1000)
N_CURVES = 6
BY_DRAW = 0.02
"""Standard deviation over draws of training samples; docs/findings.md has 0.002 to 0.09."""
BY_RUN = 0.005
"""Standard deviation of what is new in every run, as the order of batches and the rounding of another library."""
N_TEST = 1_000


def failure_rate(
    n_seeds: int,
    drop: float,
    generator: np.random.Generator,
    *,
    n_checks: int,
    train_draw: str = "seed",
    n_dropped: int = N_CURVES,
    metric: str = "accuracy",
) -> float:
    """Share of checks that fail.

    Args:
        drop: by how much the first `n_dropped` curves are lower now, at every point.
    """
    hits = 0
    for _ in range(n_checks):
        draws = BY_DRAW * generator.standard_normal((N_CURVES, len(LABELS), n_seeds))
        others = draws if train_draw == "seed" else BY_DRAW * generator.standard_normal(draws.shape)
        new = BY_RUN * generator.standard_normal((2, *draws.shape))
        dropped = np.where(np.arange(N_CURVES) < n_dropped, drop, 0.0)[:, None, None]
        before = _baseline(0.5 + draws + new[0], train_draw, metric)
        hits += failed(check(_baseline(0.5 - dropped + others + new[1], train_draw, metric), before))
    return hits / n_checks


def _baseline(scores: np.ndarray, train_draw: str, metric: str) -> Baseline:
    """(curves, points, seeds) fractions as `check` takes them."""
    return Baseline({
        CurveName("simulated", f"dataset {i}", "backbone", "protocol", "cv", train_draw, "partition", metric): {
            f"{n} labels": BaselinePoint(n, N_TEST, dict(enumerate(by_seed.tolist())))
            for n, by_seed in zip(LABELS, points, strict=True)
        }
        for i, points in enumerate(scores)
    })  # fmt: skip
