"""The whole linear probe and k-NN on as many features as EuroSAT's of EfficientNet-Lite0: 16,200 x 1,280, ten classes.

Run: pytest tests/benchmarks/bench_large_probe.py -s

Features are those of a random network over several clouds a class: correlated, skewed, sparse, with classes that
overlap. All figures are of computing (user and system time), so that a busy machine changes them little.

The probe is compared with itself solving every strength to its end, and, by what it would take at 40 strengths, with
scikit-learn's LogisticRegression fitted at the chosen one to within 1e-5 of the optimum; k-NN with scikit-learn's brute
force on the same unit vectors. Each with one thread; `THREADS=2` gives ours two, and time on the clock is printed too.
"""

import os
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

from harness.protocols.image.linear_probe import LinearProbeSettings, linear_probe
from harness.protocols.select_cv import Search
from harness.records.labels import LabelKind
from harness.records.outcome import Outcome
from harness.records.run import Selection
from harness.solvers import row_blocks
from harness.solvers.neighbours import nearest
from harness.tasks import TASKS

SIZES, WIDTH, N_CLASSES = {"train": 16_200, "valid": 5_400, "test": 5_400}, 1_280, 10
THREADS = int(os.environ.get("THREADS", "1"))
SETTINGS = LinearProbeSettings()
TOL = 1e-9
"""As in bench_linear_probe.py, whose checks of the optimum are not repeated here."""


class Drawn(NamedTuple):
    """`records.Material` in memory."""

    arrays: dict[str, np.ndarray]
    targets: dict[str, np.ndarray]
    label_kind: LabelKind = LabelKind.SINGLE_LABEL
    n_classes: int = N_CLASSES
    metric: str = "accuracy"
    selection: Selection = Selection.VALID

    def features(self, split: str) -> np.ndarray:
        return self.arrays[split]

    def labels(self, split: str) -> np.ndarray:
        return self.targets[split]

    def valid_score(self, scores: np.ndarray) -> float:
        return self.score(self.targets["valid"], scores)

    def score(self, labels: np.ndarray, scores: np.ndarray) -> float:
        return TASKS[self.label_kind].score(self.metric, labels, scores, self.n_classes)


class Took(NamedTuple):
    outcome: Outcome
    computing: float
    clock: float


CASES = {
    "overlap": {"signal": 0.6},
    "8 % wrong labels": {"signal": 0.9, "noise": 0.08},
    "imbalance, heavy tails": {"signal": 0.7, "imbalance": 0.5, "tail": 0.3},
}


def draw(signal: float, noise: float = 0.0, imbalance: float = 0.0, tail: float = 0.0) -> Drawn:
    """`noise` of the labels are drawn anew, class i is exp(imbalance) times as large as class i + 1."""
    random, n, spread = np.random.default_rng(0), sum(SIZES.values()), 1 / np.sqrt(np.arange(1, 65))
    share = np.exp(-imbalance * np.arange(N_CLASSES))
    labels = random.choice(N_CLASSES, n, p=share / share.sum())
    clouds = random.standard_normal((N_CLASSES, 4, 64)) * spread * signal
    layer = random.standard_normal((n, 64)) * spread + clouds[labels, random.integers(0, 4, n)]
    layer *= np.exp(tail * random.standard_normal((n, 1)))
    for _ in range(2):
        into = random.standard_normal((layer.shape[1], WIDTH)) / np.sqrt(layer.shape[1])
        layer = np.maximum(layer @ into - 0.2 * layer.std(), 0)
        layer /= layer.std()
    layer *= 1 + 0.05 * random.standard_normal(layer.shape)
    labels = np.where(random.random(n) < noise, random.integers(0, N_CLASSES, n), labels)
    ends = np.cumsum(list(SIZES.values()))[:-1]
    features = np.split(layer.astype(np.float32), ends)
    return Drawn(dict(zip(SIZES, features, strict=True)), dict(zip(SIZES, np.split(labels, ends), strict=True)))


def timed(work: Callable[[], Outcome]) -> Took:
    clock, computing = time.perf_counter(), time.process_time()
    outcome = work()
    return Took(outcome, time.process_time() - computing, time.perf_counter() - clock)


def seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def standardised(drawn: Drawn) -> tuple[np.ndarray, np.ndarray]:
    train, test = (drawn.arrays[split].astype(np.float64) for split in ("train", "test"))
    return (train - train.mean(axis=0)) / train.std(axis=0), (test - train.mean(axis=0)) / train.std(axis=0)


@pytest.mark.parametrize("case", CASES)
def test_the_probe_chooses_the_same_in_less_time(monkeypatch, case):
    drawn = draw(**CASES[case])
    monkeypatch.setattr(row_blocks, "usable_cores", lambda: THREADS)
    with threadpool_limits(1):
        quick = timed(lambda: linear_probe(drawn, SETTINGS, 0))
        with monkeypatch.context() as patch:
            patch.setattr(Search, "is_falling", False)
            exact = timed(lambda: linear_probe(drawn, SETTINGS, 0))
        model = LogisticRegression(C=quick.outcome.ran_with["strength"], tol=TOL, max_iter=100_000)
        theirs = seconds(lambda: model.fit(standardised(drawn)[0], drawn.targets["train"]))
    scores = [drawn.score(drawn.targets["test"], took.outcome.test_scores) for took in (quick, exact)]
    print(
        f"\n{case}: {quick.computing:.1f} s computing, {quick.clock:.1f} s on the clock by {THREADS} threads; every "
        f"strength to its end {exact.computing:.1f} s; scikit-learn at the chosen one alone {theirs:.1f} s. "
        f"Test accuracy {scores[0]:.4f} and {scores[1]:.4f} at C = {quick.outcome.ran_with['strength']:.2g}; "
        f"{quick.outcome.ran_with['hessian_products']} and {exact.outcome.ran_with['hessian_products']} products"
    )
    assert quick.outcome.ran_with["strength"] == exact.outcome.ran_with["strength"]
    assert quick.outcome.ran_with["valid_score"] == exact.outcome.ran_with["valid_score"]
    assert scores[0] == scores[1]
    assert quick.computing < exact.computing


def test_neighbours_are_found_faster_than_by_scikit_learn(monkeypatch):
    monkeypatch.setattr(row_blocks, "usable_cores", lambda: THREADS)
    train, test = (part / np.linalg.norm(part, axis=1, keepdims=True) for part in standardised(draw(signal=0.6)))
    with threadpool_limits(1):
        ours = min(seconds(lambda: nearest(test, train, 5)) for _ in range(3))
        model = NearestNeighbors(n_neighbors=5, algorithm="brute", n_jobs=1).fit(train)
        theirs = min(seconds(lambda: model.kneighbors(test)) for _ in range(3))
        same = nearest(test, train, 5) == np.sort(model.kneighbors(test, return_distance=False), axis=1)
    print(f"\n{len(test)} queries: {ours:.2f} s, scikit-learn {theirs:.2f} s, {theirs / ours:.1f} times")
    assert same.all()
    assert theirs > ours
