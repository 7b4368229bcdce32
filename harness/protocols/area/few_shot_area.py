"""Which fraction of an image each class covers, from the image's pooled features: ridge regression on few masks.

One label is one image with the fractions of its mask. That is less than the mask itself, which `linear_probe` is
fitted on, and it asks something else of a backbone: how much there is, not where.
"""

from dataclasses import dataclass

import numpy as np

from harness.errors import UserError
from harness.protocols.standardised import standardise_features
from harness.records.materials import AreaMaterial
from harness.records.outcome import Outcome
from harness.solvers.ridge_path import RidgePath


@dataclass(frozen=True, kw_only=True)
class AreaSettings:
    """The penalties tried, as scikit-learn's alpha; `image.ridge.RidgeSettings` says why these."""

    version: int = 1
    n_penalties: int = 28
    strongest: float = 1e7
    weakest: float = 1e-2


def few_shot_area(material: AreaMaterial, settings: AreaSettings, seed: int) -> Outcome:
    """Fits all classes on train, at the one penalty that predicts each train image best from the others.

    Best by the headline metric over all of them, of equals the strongest; a single image has no others, and what it
    shows is predicted everywhere. Predictions are cut to [0, 1] but not scaled to sum to 1. `seed` changes nothing.

    Raises:
        UserError: no train image has a labelled pixel, or features that are not finite.
    """
    areas = material.labels("train")
    if not len(areas):
        raise UserError(
            f"none of the {material.n_unlabelled} train images has a labelled pixel: nothing to learn areas from. Use "
            "a larger budget"
        )
    features = standardise_features(material)
    path = RidgePath(features.train, areas)
    penalties = np.geomspace(settings.strongest, settings.weakest, settings.n_penalties).tolist()
    penalty = _choose_penalty(material, path, areas, penalties)
    return Outcome(
        valid_scores=_fractions(path.predict(features.valid, penalty)),
        test_scores=_fractions(path.predict(features.test, penalty)),
        ran_with={
            "penalty": penalty,
            "penalty_at_edge": penalty in (penalties[0], penalties[-1]),
            "constant_features": features.n_constant,
            "unlabelled_train_images": material.n_unlabelled,
        },
        n_labels_fit=len(areas),
        n_labels_select=0,
    )


def _choose_penalty(material: AreaMaterial, path: RidgePath, areas: np.ndarray, penalties: list[float]) -> float:
    if len(areas) == 1:
        return penalties[0]
    scores = [material.score(areas, _fractions(left_out)) for left_out in path.leave_one_out(penalties)]
    return penalties[int(np.argmax(scores))]


def _fractions(values: np.ndarray) -> np.ndarray:
    return np.clip(values, 0.0, 1.0)
