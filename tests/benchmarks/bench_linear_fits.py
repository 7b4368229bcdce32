"""A study of 500,000 linear fits on stored embeddings: numbers of labels x draws x classes against the rest.

20,000 embeddings of 512 numbers, ten classes; 50, 100, ..., 500 labels, 5,000 draws of each, every class against the
rest: 500,000 logistic regressions at C = 1, each proven within 1e-7 of its optimum. Run:

    pytest tests/benchmarks/bench_linear_fits.py -s              # 20 draws of each number, all by rule of three
    DRAWS=5000 pytest tests/benchmarks/bench_linear_fits.py -s   # all of them

scikit-learn's LogisticRegression fits the same samples, on two draws of each number, with the loosest power of ten as
`tol` that brings its objectives within 1e-5 of the optimum. Both with one thread.
"""

import os
import statistics
import time
import warnings
from collections.abc import Iterator

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from harness.solvers.logistic_links import Sigmoid
from harness.solvers.logistic_path import Fit, regularisation_path

N_EMBEDDINGS, WIDTH, N_CLASSES = 20_000, 512, 10
N_LABELS = tuple(range(50, 501, 50))
ALL_DRAWS = 5_000
"""500,000 fits: 10 numbers of labels x 5,000 x 10 classes."""
DRAWS = int(os.environ.get("DRAWS", "20"))
THEIR_DRAWS = 2
"""Of each number of labels: scikit-learn is timed on these."""
C = 1.0
GOAL = 2.0


@pytest.fixture
def stored(tmp_path):
    """(20,000, 512) float32 as stored, mapped; (20,000,) classes, whose means overlap."""
    random = np.random.default_rng(0)
    spread = 1 / np.sqrt(np.arange(1, WIDTH + 1))
    labels = np.arange(N_EMBEDDINGS) % N_CLASSES
    hidden = random.standard_normal((N_EMBEDDINGS, WIDTH)) * spread
    hidden += (random.standard_normal((N_CLASSES, WIDTH)) * spread * 0.3)[labels]
    mixed = hidden @ np.linalg.qr(random.standard_normal((WIDTH, WIDTH)))[0]
    np.save(tmp_path / "embeddings.npy", mixed.astype(np.float32))
    return np.load(tmp_path / "embeddings.npy", mmap_mode="r"), labels


def draw(labels: np.ndarray, n: int, seed: int) -> np.ndarray:
    """(n,) int64 samples, as many of each class."""
    random = np.random.default_rng(seed)
    return np.concatenate([
        random.choice(np.flatnonzero(labels == label), n // N_CLASSES, replace=False) for label in range(N_CLASSES)
    ])  # fmt: skip


def standardised(embeddings: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """(n, 512) float64, by the moments of these samples."""
    taken = embeddings[np.sort(rows)].astype(np.float64)
    return (taken - taken.mean(axis=0)) / taken.std(axis=0)


def against_the_rest(labels: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return (labels[np.sort(rows), None] == np.arange(N_CLASSES)).astype(np.int64)


def fit(embeddings: np.ndarray, labels: np.ndarray, rows: np.ndarray) -> Fit:
    """All classes of one draw, each against the rest."""
    return next(iter(regularisation_path(standardised(embeddings, rows), Sigmoid(against_the_rest(labels, rows)), [C])))


def fit_scikit_learn(embeddings: np.ndarray, labels: np.ndarray, rows: np.ndarray) -> Iterator[float]:
    """Objectives of the classes, one after the other."""
    features, targets = standardised(embeddings, rows), against_the_rest(labels, rows)
    for target in targets.T:
        model = LogisticRegression(C=C, tol=1e-7, max_iter=10_000).fit(features, target)
        logits = model.decision_function(features)
        losses = np.logaddexp(0, np.where(target == 1, -logits, logits))
        yield C * losses.sum() + np.square(model.coef_).sum() / 2


def test_half_a_million_fits(stored):
    embeddings, labels = stored
    ours: dict[int, float] = {}
    ratios, excess = [], []
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        for n in N_LABELS:
            draws = [draw(labels, n, seed) for seed in range(DRAWS)]
            fit(embeddings, labels, draws[0])
            start = time.perf_counter()
            fits = [fit(embeddings, labels, rows) for rows in draws]
            ours[n] = (time.perf_counter() - start) / (DRAWS * N_CLASSES)
            start = time.perf_counter()
            theirs = [list(fit_scikit_learn(embeddings, labels, rows)) for rows in draws[:THEIR_DRAWS]]
            their_seconds = (time.perf_counter() - start) / (THEIR_DRAWS * N_CLASSES)
            ratios.append(their_seconds / ours[n])
            excess += [np.array(t) / f.objective - 1 for t, f in zip(theirs, fits, strict=False)]
            print(f"\n{n} labels: {1000 * ours[n]:.2f} ms a fit, scikit-learn {1000 * their_seconds:.1f} ms", end="")
            assert all(f.relative_gap <= 1e-7 for f in fits)
    minutes = sum(ours.values()) * ALL_DRAWS * N_CLASSES / 60
    how = "measured" if DRAWS >= ALL_DRAWS else f"from {DRAWS} of {ALL_DRAWS} draws"
    print(
        f"\n{len(N_LABELS) * ALL_DRAWS * N_CLASSES:,} fits: {minutes:.1f} min of one core ({how}), "
        f"{1000 * statistics.mean(ours.values()):.2f} ms a fit; {statistics.median(ratios):.0f} times as fast as "
        f"scikit-learn; its objective / ours - 1 between {np.min(excess):.1e} and {np.max(excess):.1e}"
    )
    assert np.abs(excess).max() <= 1e-5
    assert statistics.median(ratios) >= GOAL
