"""Ridge regression on frozen features at the penalty that is chosen: what two protocols make of two kinds of labels."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from harness.protocols.image.numeric_labels import numeric_labels
from harness.protocols.penalties import Penalties, best_on_valid
from harness.protocols.select_cv import choose_by_cv
from harness.protocols.standardised import StandardisedFeatures, standardise_features
from harness.records.materials import Material
from harness.records.outcome import Outcome
from harness.records.run import Selection
from harness.solvers.ridge_path import RidgePath

AsScores = Callable[[np.ndarray], np.ndarray]
"""(q, K) numbers that a regression predicts -> (q, K) scores that a protocol returns."""


@dataclass(frozen=True, kw_only=True)
class RidgeSettings(Penalties):
    """The penalties tried."""

    version: int = 2


def fit_ridge(material: Material, settings: RidgeSettings, as_scores: AsScores) -> Outcome:
    """Fits on train at every penalty and keeps the best by `material.selection`, of equals the strongest penalty.

    All outputs share the penalty. Without a choice, or if cross-validation cannot make one, it is the number of
    features.

    Raises:
        UserError: no train samples, features that are not finite, or a headline metric that is undefined on valid.
    """
    features, targets = standardise_features(material), numeric_labels(material)
    penalties = settings.values
    path = RidgePath(features.train, targets)
    penalty = _choose_penalty(material, features, targets, path, penalties, as_scores)
    return Outcome(
        valid_scores=as_scores(path.predict(features.valid, penalty)),
        test_scores=as_scores(path.predict(features.test, penalty)),
        ran_with={
            "penalty": penalty,
            "penalty_at_edge": penalty in (penalties[0], penalties[-1]),
            "constant_features": features.n_constant,
        },
        n_labels_fit=len(features.train),
        n_labels_select=len(features.valid) if material.selection is Selection.VALID else 0,
    )


def _choose_penalty(
    material: Material,
    features: StandardisedFeatures,
    targets: np.ndarray,
    path: RidgePath,
    penalties: list[float],
    as_scores: AsScores,
) -> float:
    def predict(fitted: RidgePath, queries: np.ndarray) -> Iterator[np.ndarray]:
        return map(as_scores, fitted.predict_all(queries, penalties))

    default = float(max(1, features.train.shape[1] - features.n_constant))
    if material.selection is Selection.NONE:
        return default
    if material.selection is Selection.CV:
        train = features.train
        choice = choose_by_cv(material, lambda rows, held: predict(RidgePath(train[rows], targets[rows]), train[held]))
        return penalties[choice.candidate] if choice else default
    scores = (material.valid_score(tried) for tried in predict(path, features.valid))
    return best_on_valid(scores, penalties, "no positive label, or a number that never varies", "ridge regression")
