"""Linear probe, solved to convergence: logistic regression on frozen features, its regularisation chosen.

Features are standardised by train. Single-label datasets get one multinomial problem over the classes that occur in
train (for two classes its binary form, as in scikit-learn's LogisticRegression), multi-label ones an independent
binary problem a label, all at one C. The optimum is unique, so the probe has no learning rate, no epochs and
no initial weights: a score differs between backbones by their features only.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.errors import UserError
from harness.protocols.select_cv import PATIENCE, Search, choose_by_cv
from harness.protocols.standardised import StandardisedFeatures, standardise_features
from harness.records.labels import LabelKind
from harness.records.materials import Material
from harness.records.outcome import Outcome
from harness.records.run import Selection
from harness.solvers.logistic_links import Link, Sigmoid, Softmax
from harness.solvers.logistic_path import Fit, LogisticPath, path_to, regularisation_path

ROUGH_GAPS = (1e-2, 1e-4)
"""Proven distances to the optimum, as a fraction of it, to which a strength past the best is solved before its end."""
DOUBT = 0.1
"""By this times the root of that distance a score is trusted to be that of the optimum: errors of logits grow as the
root. Measured on simulated features they are a third of it or less."""


@dataclass(frozen=True, kw_only=True)
class LinearProbeSettings:
    """The values of C tried, as in scikit-learn: weight of the summed loss against |W|^2 / 2.

    C is the prior variance of a weight, so one grid means the same for 20 and for 20,000 samples. For standardised
    features 1e-6 is stronger than any dataset wants (its predictions are near the classes' frequencies even with
    20,000 samples) and at 1e4 the penalty no longer matters beyond keeping separable data finite. Forty values are
    a factor 1.8 apart, well inside the width of the optimum on valid.
    """

    version: int = 3
    n_strengths: int = 40
    strongest: float = 1e-6
    weakest: float = 1e4


@dataclass(frozen=True, kw_only=True)
class _Target:
    """What train's labels ask of the solver, and how its logits become scores of all classes."""

    link: Link
    scores: Callable[[np.ndarray], np.ndarray]
    """(m, k, n) logits -> (n, K) float64 probabilities."""
    ran_with: dict[str, Any]


def linear_probe(material: Material, settings: LinearProbeSettings, seed: int) -> Outcome:
    """Fits on train at ever larger C and keeps the best by `material.selection`, of equals the smallest.

    It ends where larger ones only get worse (`select_cv.Search`).

    Without a choice, or if cross-validation cannot make one, C is 1 / number of features: a weight's prior
    variance for which the logit of a standardised sample has variance one. It never refits on valid.

    `seed` changes nothing: the optimum is unique.

    Raises:
        UserError: features that are not finite, an empty split, labels that leave nothing to learn, or a headline
            metric that is undefined on valid.
    """
    features = standardise_features(material)
    target = _build_target(material.labels("train"), material)
    c_values = np.geomspace(settings.strongest, settings.weakest, settings.n_strengths).tolist()
    if material.selection is Selection.VALID:
        chosen = _choose_on_valid(material, features, target, c_values)
    else:
        chosen = _choose_without_valid(material, features, target, c_values)
    best = chosen.fit
    return Outcome(
        valid_scores=target.scores(best.logits(features.valid)),
        test_scores=target.scores(best.logits(features.test)),
        ran_with={
            "strength": best.c,
            "strength_at_edge": best.c in (c_values[0], c_values[-1]),
            "constant_features": features.n_constant,
            **chosen.ran_with,
            **target.ran_with,
        },
        n_labels_fit=len(features.train),
        n_labels_select=len(features.valid) if material.selection is Selection.VALID else 0,
    )


@dataclass(frozen=True, kw_only=True)
class _Chosen:
    fit: Fit
    ran_with: dict[str, Any]


def _choose_on_valid(
    material: Material, features: StandardisedFeatures, target: _Target, c_values: list[float]
) -> _Chosen:
    if not len(features.valid):
        raise UserError("the valid split is empty, but linear_probe chooses its regularisation on it. Pass --select cv")

    def score(fit: Fit) -> float:
        return material.valid_score(target.scores(fit.logits(features.valid)))

    path, search, best = LogisticPath(features.train, target.link), Search(PATIENCE), None
    fits: list[Fit] = []
    for c in c_values:
        found = -np.inf
        for gap in ROUGH_GAPS if search.is_falling else ():
            fits.append(path.approximate(c, gap))
            found = score(fits[-1])
            if search.best and found <= search.best.score - DOUBT * fits[-1].relative_gap ** 0.5:
                break
        else:
            fits.append(path.solve(c))
            found = score(fits[-1])
        if search.improves(found):
            best = fits[-1]
        if search.is_over:
            break
    if best is None or search.best is None:
        raise UserError(
            "the headline metric is undefined on the valid split (no positive label?), so linear_probe cannot choose "
            "its regularisation."
        )
    return _Chosen(
        fit=best,
        ran_with={
            "valid_score": float(search.best.score),
            "hessian_products": sum(fit.products for fit in fits),
            "relative_gap": max(fit.relative_gap for fit in fits if not fit.is_rough),
            "approximated": sum(fit.is_rough for fit in fits),
        },
    )


def _choose_without_valid(
    material: Material, features: StandardisedFeatures, target: _Target, c_values: list[float]
) -> _Chosen:
    """The C that cross-validation inside train chooses, or the default. Looks at no label of valid."""
    labels = material.labels("train")

    def predict(rows: np.ndarray, held: np.ndarray) -> Iterator[np.ndarray]:
        part = _build_target(labels[rows], material)
        for fit in regularisation_path(features.train[rows], part.link, c_values):
            yield part.scores(fit.logits(features.train[held]))

    choice = choose_by_cv(material, predict) if material.selection is Selection.CV else None
    c = c_values[choice.candidate] if choice else 1.0 / max(1, features.train.shape[1] - features.n_constant)
    *_, fit = regularisation_path(features.train, target.link, path_to(c, c_values))
    return _Chosen(
        fit=fit,
        ran_with={
            "cv_score": choice.score if choice else None,
            "hessian_products": fit.products,
            "relative_gap": fit.relative_gap,
        },
    )


def _build_target(labels: np.ndarray, material: Material) -> _Target:
    single = material.label_kind is LabelKind.SINGLE_LABEL
    return _single_label(labels, material.n_classes) if single else _multi_label(labels)


def _single_label(labels: np.ndarray, n_classes: int) -> _Target:
    """(n,) class indices. A class that train lacks gets probability 0: nothing is known of it."""
    classes, codes = np.unique(labels, return_inverse=True)
    if len(classes) < 2:
        raise UserError(
            f"train has only class {classes[0]}; a linear probe needs at least two: use a larger partition."
        )
    absent = sorted(set(range(n_classes)) - set(classes.tolist()))

    def scores(logits: np.ndarray) -> np.ndarray:
        from scipy.special import expit, softmax  # noqa: PLC0415 - a plan must not wait for it

        result = np.zeros((logits.shape[2], n_classes))
        both = np.concatenate([expit(-logits[0]), expit(logits[0])])  # of use with two classes
        result[:, classes] = (both if len(classes) == 2 else softmax(logits[0], axis=0)).T
        return result

    link = Sigmoid(codes[:, None]) if len(classes) == 2 else Softmax(codes, len(classes))
    return _Target(link=link, scores=scores, ran_with={"absent_classes": absent})


def _multi_label(labels: np.ndarray) -> _Target:
    """(n, K) zeros and ones. A label that is everywhere or nowhere in train is predicted with probability 1 or 0.

    That is the limit its regression tends to: with a free intercept the loss has no minimum but tends to 0.
    """
    varies = labels.min(axis=0) != labels.max(axis=0)
    if not varies.any():
        raise UserError("no label varies in train; a linear probe needs at least two values: use a larger partition.")

    def scores(logits: np.ndarray) -> np.ndarray:
        from scipy.special import expit  # noqa: PLC0415 - a plan must not wait for it

        result = np.tile(labels[0].astype(np.float64), (logits.shape[2], 1))
        result[:, varies] = expit(logits[:, 0]).T
        return result

    return _Target(
        link=Sigmoid(labels[:, varies]), scores=scores, ran_with={"constant_labels": np.flatnonzero(~varies).tolist()}
    )
