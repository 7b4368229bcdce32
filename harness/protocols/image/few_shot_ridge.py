"""Ridge regression on the labels as zeros and ones: a linear classifier whose penalties share one decomposition."""

import numpy as np

from harness.protocols.image.ridge import RidgeSettings, fit_ridge
from harness.records.labels import LabelKind
from harness.records.materials import Material
from harness.records.outcome import Outcome


def few_shot_ridge(material: Material, settings: RidgeSettings, seed: int) -> Outcome:
    """Predicted zeros and ones, moved as little as possible to be probabilities; `fit_ridge` has the rest.

    `seed` changes nothing.
    """
    single = material.label_kind is LabelKind.SINGLE_LABEL
    return fit_ridge(material, settings, lambda values: _probabilities(values, single))


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
