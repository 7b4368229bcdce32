"""The solver finds scikit-learn's optimum, proves it, and says the same every time."""

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits
from toy_material import correlated_features

from harness.solvers import logistic_newton, row_blocks
from harness.solvers.eigenbasis import build_eigenbasis
from harness.solvers.logistic_links import Sigmoid, Softmax
from harness.solvers.logistic_newton import NotConvergedError
from harness.solvers.logistic_path import LogisticPath, path_to, regularisation_path

STRENGTHS = np.geomspace(1e-6, 1e4, 11).tolist()


def clouds(n, width, n_classes, signal, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(n) % n_classes)
    features = correlated_features(rng, n, width).astype(np.float64)
    features += signal * rng.standard_normal((n_classes, width))[labels] / np.sqrt(width)
    return (features - features.mean(0)) / features.std(0), labels


def tight(strength, features, labels):
    """scikit-learn as far as it goes: its Newton solver, then stopped by nothing but the gradient."""
    return LogisticRegression(C=strength, solver="newton-cg", tol=1e-10, max_iter=10_000).fit(features, labels)


def softmax_objective(strength, features, labels, weights, intercepts):
    logits = features @ weights.T + intercepts
    p = softmax(logits, axis=1)[np.arange(len(labels)), labels]
    return -strength * np.log(p).sum() + np.square(weights).sum() / 2


def sigmoid_objective(strength, features, labels, weights, intercept):
    logits = features @ weights + intercept
    return strength * np.logaddexp(0, np.where(labels, -logits, logits)).sum() + np.square(weights).sum() / 2


@pytest.mark.parametrize(
    ("n", "width", "n_classes", "signal"),
    [
        (300, 12, 4, 1.0),  # overlapping
        (120, 10, 3, 8.0),  # separable: without the penalty there would be no optimum
        (20, 64, 3, 1.0),  # more features than samples
        (150, 8, 3, 0.0),  # nothing to learn
    ],
)
def test_multinomial_optima_equal_scikit_learns(n, width, n_classes, signal):
    features, labels = clouds(n, width, n_classes, signal)
    for fit in regularisation_path(features, Softmax(labels, n_classes), STRENGTHS):
        oracle = tight(fit.c, features, labels)
        expected = softmax_objective(fit.c, features, labels, oracle.coef_, oracle.intercept_)
        assert fit.objective[0] <= expected * (1 + 1e-7)
        assert fit.objective[0] == pytest.approx(expected, rel=1e-5)
        own = softmax_objective(fit.c, features, labels, fit.coefficients[0], fit.intercepts[0])
        assert own == pytest.approx(fit.objective[0], rel=1e-9)
        if fit.c < 1e3:  # beyond, scikit-learn's rounding keeps it from its own optimum
            difference = softmax(fit.logits(features)[0], axis=0).T - oracle.predict_proba(features)
            assert np.abs(difference).max() < 2e-3


def test_binary_optima_of_all_labels_at_once_equal_scikit_learns():
    rng = np.random.default_rng(1)
    features, _ = clouds(200, 10, 2, 0.0)
    margin = features @ rng.standard_normal((10, 6)) - [0, 1, 2, 3, 4, 5]
    labels = margin + rng.standard_normal(margin.shape) > 0
    assert 0 < labels[:, 5].sum() < 40  # a rare one among them
    for fit in regularisation_path(features, Sigmoid(labels), STRENGTHS):
        for column in range(6):
            oracle = tight(fit.c, features, labels[:, column])
            target = labels[:, column]
            expected = sigmoid_objective(fit.c, features, target, oracle.coef_[0], oracle.intercept_[0])
            assert fit.objective[column] == pytest.approx(expected, rel=1e-5)
            assert fit.objective[column] <= expected * (1 + 1e-7)


def test_the_reported_gap_bounds_the_distance_to_the_optimum():
    features, labels = clouds(200, 12, 4, 1.0)
    link = Softmax(labels, 4)
    optima = [fit.objective[0] for fit in regularisation_path(features, link, STRENGTHS, 1e-12)]
    for allowed in (1e-2, 1e-4, 1e-7):
        for fit, optimum in zip(regularisation_path(features, link, STRENGTHS, allowed), optima, strict=True):
            assert fit.relative_gap <= allowed
            assert optimum * (1 - 1e-11) <= fit.objective[0] <= optimum / (1 - fit.relative_gap) * (1 + 1e-11)


@pytest.mark.parametrize("signal", [0.0, 1.0, 8.0])
def test_neighbouring_strengths_are_a_few_steps_apart(signal):
    """Of a path as the linear probe asks for, with classes of unequal size: nothing stalls or starts afresh."""
    features, labels = clouds(300, 12, 6, signal)
    labels = np.array([0, 0, 0, 1, 1, 2])[labels]
    fits = list(regularisation_path(features, Softmax(labels, 3), np.geomspace(1e-6, 1e4, 40).tolist()))
    assert max(fit.newton_steps for fit in fits) <= 6
    assert sum(fit.newton_steps for fit in fits) <= 100


def test_curvature_keeps_its_precision_where_samples_are_fitted_almost_surely():
    logits = np.array([[[20.0], [0.0], [-3.0]]])  # probabilities 1 - 2e-9, 2e-9, 1e-10
    link = Softmax(np.array([0]), 3)
    p, _ = link.probabilities(logits, np.array([0]))
    change = np.array([[[5.0], [-2.0], [1.0]]])
    exact = p * (change - (p * change).sum(axis=1))
    exact[0, 0] = -exact[0, 1:].sum()
    product = change.astype(np.float32)
    link.multiply(link.curvature(p), product, np.zeros((1, 3, 3), dtype=np.float32))
    assert product == pytest.approx(exact, rel=1e-5)


def test_an_approximation_is_as_near_as_told_and_can_be_solved_to_the_end():
    features, labels = clouds(300, 40, 4, 0.5)
    link, c_values = Softmax(labels, 4), np.geomspace(1e-3, 10, 12).tolist()
    exact = regularisation_path(features, link, c_values)
    path = LogisticPath(features, link)
    for i, (c, fit) in enumerate(zip(c_values, exact, strict=True)):
        rough = path.approximate(c, 1e-2)
        assert rough.is_rough
        assert rough.relative_gap <= 1e-2
        assert fit.objective[0] * (1 - 1e-7) <= rough.objective[0] <= fit.objective[0] * 1.011
        if i % 3 == 0:
            end = path.solve(c)
            assert not end.is_rough
            assert end.objective[0] == pytest.approx(fit.objective[0], rel=2e-7)


def test_threads_change_no_bit(monkeypatch):
    monkeypatch.setattr(row_blocks, "BLOCK", 50)  # of 300 samples: six
    features, labels = clouds(300, 12, 4, 1.0)

    def bits(cores):
        monkeypatch.setattr(row_blocks, "usable_cores", lambda: cores)
        return [fit.coefficients.tobytes() for fit in regularisation_path(features, Softmax(labels, 4), STRENGTHS[3:9])]

    with threadpool_limits(1):
        assert bits(1) == bits(2) == bits(5)


def test_what_is_not_proven_solved_is_an_error(monkeypatch):
    features, labels = clouds(200, 12, 4, 1.0)
    monkeypatch.setattr(logistic_newton, "MAX_NEWTON_STEPS", 1)
    with pytest.raises(NotConvergedError, match="C = "):
        list(regularisation_path(features, Softmax(labels, 4), [1.0, 1e4]))


@pytest.mark.parametrize("start", [1e-2, 1e4])
def test_a_path_may_start_anywhere(start):
    features, labels = clouds(200, 12, 4, 3.0)
    alone = next(regularisation_path(features, Softmax(labels, 4), [start]))
    along = list(regularisation_path(features, Softmax(labels, 4), np.geomspace(1e-6, start, 20).tolist()))[-1]
    assert alone.objective[0] == pytest.approx(along.objective[0], rel=2e-7)


@pytest.mark.parametrize("link", ["softmax", "sigmoid"])
def test_the_same_input_gives_the_same_bits(link):
    features, labels = clouds(200, 12, 4, 1.0)

    def bits():
        loss = Softmax(labels, 4) if link == "softmax" else Sigmoid(np.eye(4)[labels])
        return [fit.coefficients.tobytes() for fit in regularisation_path(features, loss, STRENGTHS)]

    assert bits() == bits()


def test_the_order_of_the_samples_does_not_matter():
    features, labels = clouds(200, 12, 4, 1.0)
    order = np.random.default_rng(3).permutation(200)
    shuffled = regularisation_path(features[order], Softmax(labels[order], 4), STRENGTHS)
    for a, b in zip(regularisation_path(features, Softmax(labels, 4), STRENGTHS), shuffled, strict=True):
        assert a.objective[0] == pytest.approx(b.objective[0], rel=2e-7)
        p = softmax(a.logits(features)[0], axis=0)
        assert np.abs(p - softmax(b.logits(features)[0], axis=0)).max() < 1e-2


def test_duplicated_and_constant_features_are_no_obstacle():
    features, labels = clouds(120, 8, 3, 1.0)
    wide = np.hstack([features, features, np.zeros((120, 3))])
    for narrow, fit in zip(
        # the weight of a feature, shared by two copies, costs half
        regularisation_path(features * np.sqrt(2), Softmax(labels, 3), STRENGTHS),
        regularisation_path(wide, Softmax(labels, 3), STRENGTHS),
        strict=True,
    ):
        assert fit.objective[0] == pytest.approx(narrow.objective[0], rel=2e-7)
        assert np.abs(fit.coefficients[0, :, 16:]).max() == 0
        assert np.allclose(fit.coefficients[0, :, :8], fit.coefficients[0, :, 8:16], atol=1e-9)


def test_without_any_feature_the_classes_frequencies_remain():
    labels = np.array([0, 0, 0, 1, 2, 2])
    for fit in regularisation_path(np.zeros((6, 4)), Softmax(labels, 3), [1e-3, 1e3]):
        assert softmax(fit.logits(np.zeros((1, 4)))[0], axis=0)[:, 0] == pytest.approx([3 / 6, 1 / 6, 2 / 6])


@pytest.mark.parametrize("scale", [1e-4, 1e4])
def test_features_need_not_be_of_unit_size_or_centred(scale):
    features, labels = clouds(120, 8, 3, 1.0)
    moved = scale * (features + 3)
    strengths = (np.geomspace(1e-3, 1e2, 6) / scale**2).tolist()  # the same problems in other units
    for fit, same in zip(
        regularisation_path(moved, Softmax(labels, 3), strengths),
        regularisation_path(features, Softmax(labels, 3), [c * scale**2 for c in strengths]),
        strict=True,
    ):
        assert fit.objective[0] * scale**2 == pytest.approx(same.objective[0], rel=2e-7)
        p = softmax(fit.logits(moved)[0], axis=0)
        assert np.abs(p - softmax(same.logits(features)[0], axis=0)).max() < 1e-3


def test_an_eigenbasis_keeps_distances_and_drops_null_directions():
    features = np.random.default_rng(0).standard_normal((30, 50)) @ np.diag(np.geomspace(1, 1e-4, 50)) + 7.0
    basis = build_eigenbasis(features)
    assert basis.coordinates.shape == (30, 29)  # centring takes one
    assert np.allclose(basis.axes.T @ basis.axes, np.eye(29), atol=1e-12)
    assert np.allclose(basis.coordinates @ basis.axes.T + basis.centre, features, atol=1e-12)
    gram = basis.coordinates.T @ basis.coordinates
    assert np.abs(gram - np.diag(np.diag(gram))).max() < 1e-12 * gram.max()


def test_the_path_to_one_optimum_passes_the_smaller_c_alone():
    assert path_to(0.5, [0.1, 0.4, 0.5, 2.0]) == [0.1, 0.4, 0.5]
    assert path_to(0.01, [0.1, 0.4]) == [0.01]
    assert path_to(9.0, [0.1, 0.4]) == [0.1, 0.4, 9.0]
