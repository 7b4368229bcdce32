"""The solver proves its optimum where labels and features are at their worst, and without a warning of numpy's."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit, logsumexp, softmax

from harness.solvers.logistic_intercepts import invert_curvature, settle_intercepts
from harness.solvers.logistic_links import Link, Sigmoid, Softmax
from harness.solvers.logistic_path import regularisation_path
from harness.solvers.standardise import measure_units

STRENGTHS = np.geomspace(1e-6, 1e4, 40).tolist()


@pytest.fixture(autouse=True)
def _no_floating_point_warning():
    with np.errstate(divide="raise", over="raise", invalid="raise"):
        yield


def far_sample(rng: np.random.Generator, n: int, width: int, n_classes: int, far: float):
    """One sample, the only one of its class, lies `far` times as far from the others as they from each other."""
    features, labels = rng.standard_normal((n, width)), rng.integers(0, n_classes - 1, n)
    labels[0], labels[1:n_classes] = n_classes - 1, np.arange(n_classes - 1)
    features[0] *= far
    return features, labels


def heavy_tails(rng: np.random.Generator, n: int, width: int, n_classes: int, far: float):
    return far * np.exp(3 * rng.standard_normal((n, width))), rng.permutation(np.arange(n) % n_classes)


def separable(rng: np.random.Generator, n: int, width: int, n_classes: int, far: float):
    labels = rng.permutation(np.arange(n) % n_classes)
    return rng.standard_normal((n, width)) + far * rng.standard_normal((n_classes, width))[labels], labels


def two_clusters(rng: np.random.Generator, n: int, width: int, n_classes: int, far: float):
    """Half of the classes overlap here, the others far away: between both no intercept meets any curvature."""
    labels = rng.permutation(np.arange(n) % n_classes)
    return rng.standard_normal((n, width)) + far * (labels[:, None] >= n_classes / 2), labels


def imbalanced(rng: np.random.Generator, n: int, width: int, n_classes: int, far: float):
    labels = np.zeros(n, dtype=np.int64)
    labels[: n_classes - 1] = np.arange(1, n_classes)
    return rng.standard_normal((n, width)) + (far if far < 100 else 0.0) * (labels[:, None] > 0), labels


def duplicated(rng: np.random.Generator, n: int, width: int, n_classes: int, far: float):
    """The same few images over and over, some under several labels, and every feature twice."""
    few = far * rng.standard_normal((3, width))[rng.integers(0, 3, n)]
    return np.hstack([few, few]), rng.permutation(np.arange(n) % n_classes)


def constant(rng: np.random.Generator, n: int, width: int, n_classes: int, far: float):
    """But for one feature of one sample."""
    features = np.full((n, width), far)
    features[0, 0] += far
    return features, rng.permutation(np.arange(n) % n_classes)


MAKERS: tuple[Callable, ...] = (
    far_sample,
    heavy_tails,
    separable,
    two_clusters,
    imbalanced,
    duplicated,
    constant,
)


def solve_and_judge(features: np.ndarray, labels: np.ndarray, c_values: list[float]) -> None:
    """As one choice among classes and as a label a class: proven at every C, and as low as L-BFGS gets at one."""
    features = measure_units(features).standardise(features)
    classes, codes = np.unique(labels, return_inverse=True)
    links: list[Link] = [Sigmoid(np.eye(len(classes))[codes])]
    if len(classes) > 2:
        links.append(Softmax(codes, len(classes)))
    for link in links:
        fits = list(regularisation_path(features, link, c_values))
        assert [fit.c for fit in fits] == c_values
        assert max(fit.relative_gap for fit in fits) <= 1e-7
        fit = fits[len(fits) // 2]
        weights = np.concatenate([fit.coefficients, fit.intercepts[..., None]], axis=2)
        own, _ = objective(weights.ravel(), features, link, 1 / fit.c)
        assert own * fit.c == pytest.approx(fit.objective.sum(), rel=1e-8)
        start = np.zeros(weights.size)
        found = minimize(objective, start, (features, link, 1 / fit.c), "L-BFGS-B", jac=True, options={"maxiter": 100})
        assert own <= found.fun * (1 + 2e-7)


def objective(weights: np.ndarray, features: np.ndarray, link: Link, penalty: float) -> tuple[float, np.ndarray]:
    """The loss of all problems and its gradient by their (m * k * (D + 1)) weights, the intercepts last."""
    m, k, n = link.targets.shape
    weights = weights.reshape(m * k, -1)
    slopes, targets = weights[:, :-1], link.targets.reshape(m * k, n)
    logits = slopes @ features.T + weights[:, -1:]  # (m * k, n)
    if isinstance(link, Softmax):
        p, loss = softmax(logits, axis=0), (logsumexp(logits, axis=0) - (targets * logits).sum(axis=0)).sum()
    else:
        p, loss = expit(logits), np.logaddexp(0, np.where(targets > 0, -logits, logits)).sum()
    residual = p - targets
    gradient = np.hstack([residual @ features + penalty * slopes, residual.sum(axis=1, keepdims=True)])
    return float(loss + penalty / 2 * np.square(slopes).sum()), gradient.ravel()


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_a_class_of_one_far_sample_does_not_spoil_the_steps_of_the_others(seed):
    """Its total curvature is millions of times smaller than theirs; rounding of theirs, times its inverse, was a step
    of its intercept that no line search could mend."""
    features, labels = far_sample(np.random.default_rng(seed), 120, 20, 3, 3000.0)
    solve_and_judge(features, labels, STRENGTHS)


@pytest.mark.parametrize("maker", MAKERS)
def test_the_worst_small_problems_are_solved(maker):
    """At a few values of C, some of them far apart, so that starts are bad, too."""
    for seed in range(40):
        rng = np.random.default_rng(seed)
        n, width, n_classes = int(rng.integers(6, 60)), int(rng.choice([1, 4, 30])), int(rng.integers(2, 6))
        features, labels = maker(rng, n, width, n_classes, float(rng.choice([1e-3, 1.0, 10.0, 1e3])))
        solve_and_judge(features, labels, [[1e-6, 1.0, 1e4], [0.5, 1.0, 2.0], [1e4], STRENGTHS[20:23]][seed % 4])


@pytest.mark.parametrize("offset", [-1000.0, -50.0, 0.0, 50.0, 1000.0])
def test_intercepts_come_back_from_anywhere(offset):
    """Two classes whose logits differ by -1, 0 and 2, two of three samples of the second: from intercepts at which
    one of them is predicted everywhere, beyond what exp() can hold, to those at which two are predicted."""
    logits = np.array([[[0.0, 0.0, 0.0], [-1.0, 0.0, 2.0]]])
    labels = np.array([0, 1, 1])
    softmax_link, sigmoid_link = Softmax(labels, 2), Sigmoid(labels[:, None])
    totals, problem = np.array([[1.0, 2.0]]), np.array([0])
    p, loss, _ = settle_intercepts(softmax_link, problem, totals, logits, np.array([[0.0, offset]]))
    assert p.sum(axis=2)[0] == pytest.approx([1.0, 2.0], abs=1e-5)
    single = settle_intercepts(sigmoid_link, problem, totals[:, 1:], logits[:, 1:], np.array([[offset]]))
    assert single.p[0, 0] == pytest.approx(p[0, 1], abs=1e-5)
    assert single.loss == pytest.approx(loss, rel=1e-8)


def test_the_inverse_of_curvature_keeps_its_precision_beside_a_class_of_hardly_any():
    """Laplacian of the weights 1 between two classes and 1e-20 from each of them to a third: by hand, a change of the
    intercepts by (a, b, c) meets (a - b, b - a, 0) and 1e-20 (a - c, b - c, 2c - a - b)."""
    w = 1e-20
    curvature = np.array([[[1 + w, -1, -w], [-1, 1 + w, -w], [-w, -w, 2 * w]]])
    inverse = invert_curvature(curvature, rounding=1e-12)[0]
    assert inverse @ [1.0, -1.0, 0.0] == pytest.approx([0.5, -0.5, 0.0], rel=1e-6)
    assert np.isfinite(invert_curvature(np.zeros((1, 3, 3)), 1e-6).astype(np.float32)).all()


def test_total_curvature_of_samples_fitted_surely_is_no_difference_of_large_numbers():
    logits = np.array([[[50.0, 0.0], [0.0, 50.0], [-10.0, -10.0]]])  # the second class has exp(-50) of the first sample
    link = Softmax(np.array([0, 1]), 3)
    p, _ = link.probabilities(logits, np.array([0]))
    expected = np.exp(-50.0) * (2 + np.exp(-10.0) * 1)
    assert link.total_curvature(p)[0, 0, 0] == pytest.approx(expected, rel=1e-6, abs=0)


@pytest.mark.parametrize(
    ("binary", "expected"),
    [
        (False, [0.027623699692703, 2.207980565525387, 120.5265138674445, 11426.63520329337]),
        (True, [0.044884410339108, 3.861354619301475, 240.6050610711096, 23081.78861923837]),
    ],
)
def test_ordinary_problems_end_where_they_did_before_hard_ones_were_solved(binary, expected):
    labels = np.arange(200) % 4
    features = np.random.default_rng(7).standard_normal((200, 12))
    features[np.arange(200), labels] += 1.5
    link = Sigmoid(np.eye(4)[labels]) if binary else Softmax(labels, 4)
    fits = regularisation_path(features, link, [1e-4, 1e-2, 1.0, 100.0])
    assert [fit.objective.sum() for fit in fits] == pytest.approx(expected, rel=1e-9)
