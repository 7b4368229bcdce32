"""Ridge regression on the labels as zeros and ones: a linear classifier whose penalties share one decomposition."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from harness.errors import UserError
from harness.protocols.image.indicators import train_indicators
from harness.protocols.select_cv import choose_by_cv
from harness.records.labels import LabelKind
from harness.records.materials import Material
from harness.records.outcome import Outcome
from harness.records.run import Selection
from harness.solvers.ridge_path import RidgePath
from harness.solvers.standardise import StandardisedFeatures, standardise_features


@dataclass(frozen=True, kw_only=True)
class RidgeSettings:
    """The penalties tried, as scikit-learn's alpha: weight of |W|^2 against the summed squared error.

    For standardised features the eigenvalues of X^T X are between 0 and n x D, so 1e7 leaves next to nothing of any
    weight and 1e-2 hardly shrinks one; 28 penalties are a factor 2.2 apart.
    """

    version: int = 2
    n_penalties: int = 28
    strongest: float = 1e7
    weakest: float = 1e-2


def few_shot_ridge(material: Material, settings: RidgeSettings, seed: int) -> Outcome:
    """Fits on train at every penalty and keeps the best by `material.selection`, of equals the strongest penalty.

    Without a choice, or if cross-validation cannot make one, the penalty is the number of features. `seed` changes
    nothing. Scores are the predicted zeros and ones, moved as little as possible to be probabilities.

    Raises:
        UserError: no train samples, features that are not finite, or a headline metric that is undefined on valid.
    """
    features, targets = standardise_features(material), train_indicators(material)
    single = material.label_kind is LabelKind.SINGLE_LABEL
    penalties = np.geomspace(settings.strongest, settings.weakest, settings.n_penalties).tolist()
    path = RidgePath(features.train, targets)
    penalty = _choose_penalty(material, features, targets, path, penalties)
    return Outcome(
        valid_scores=_probabilities(path.predict(features.valid, penalty), single),
        test_scores=_probabilities(path.predict(features.test, penalty), single),
        ran_with={
            "penalty": penalty,
            "penalty_at_edge": penalty in (penalties[0], penalties[-1]),
            "constant_features": features.n_constant,
        },
        n_labels_fit=len(features.train),
        n_labels_select=len(features.valid) if material.selection is Selection.VALID else 0,
    )


def _choose_penalty(
    material: Material, features: StandardisedFeatures, targets: np.ndarray, path: RidgePath, penalties: list[float]
) -> float:
    single = material.label_kind is LabelKind.SINGLE_LABEL

    def predict(fitted: RidgePath, queries: np.ndarray) -> Iterator[np.ndarray]:
        for values in fitted.predict_all(queries, penalties):
            yield _probabilities(values, single)

    default = float(max(1, features.train.shape[1] - features.n_constant))
    if material.selection is Selection.NONE:
        return default
    if material.selection is Selection.CV:
        train = features.train
        choice = choose_by_cv(material, lambda rows, held: predict(RidgePath(train[rows], targets[rows]), train[held]))
        return penalties[choice.candidate] if choice else default
    scores = [material.valid_score(tried) for tried in predict(path, features.valid)]
    best = int(np.argmax(scores))
    if scores[best] == -np.inf:
        raise UserError(
            "the headline metric is undefined on the valid split (no positive label?), so few_shot_ridge cannot choose "
            "its penalty. Pass --select cv"
        )
    return penalties[best]


def _probabilities(values: np.ndarray, single: bool) -> np.ndarray:
    """(q, K) predicted zeros and ones -> the nearest probabilities: cut to [0, 1], or a point of the simplex.

    The likeliest class stays it. Source: Duchi et al., "Efficient Projections onto the l1-Ball", 2008, figure 1.
    """
    if not single:
        return np.clip(values, 0.0, 1.0)
    falling = -np.sort(-values, axis=1)
    excess = np.cumsum(falling, axis=1) - 1.0
    n_kept = (falling * np.arange(1, values.shape[1] + 1) > excess).sum(axis=1)
    shift = excess[np.arange(len(values)), n_kept - 1] / n_kept
    return np.maximum(values - shift[:, None], 0.0)
