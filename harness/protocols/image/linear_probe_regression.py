"""Linear probe for numbers, solved exactly: ridge regression from the features of an image to its labels.

Features are standardised by train. Labels are not: each output has its own intercept and its own weights, so its unit
changes nothing but the unit of what is predicted.
"""

from dataclasses import dataclass

import numpy as np

from harness.protocols.image.ridge import RidgeSettings, fit_ridge
from harness.records.materials import Material
from harness.records.outcome import Outcome
from harness.tasks import TASKS


@dataclass(frozen=True, kw_only=True)
class LinearProbeRegressionSettings(RidgeSettings):
    """The penalties of `RidgeSettings`."""

    version: int = 1


def linear_probe_regression(material: Material, settings: LinearProbeRegressionSettings, seed: int) -> Outcome:
    """Predicts (n, K) numbers at the penalty that `material.selection` chooses; `fit_ridge` says how.

    `seed` changes nothing: the optimum is unique.

    Raises:
        UserError: labels that do not vary, and as `fit_ridge`.
    """
    TASKS[material.label_kind].check_learnable(material.labels("train"), "a linear probe")
    return fit_ridge(material, settings, np.asarray)
