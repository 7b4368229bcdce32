"""Linear probe for a number a pixel, solved exactly: ridge regression on the hypercolumns of pixels.

It is fitted on pixels drawn at random from all labelled ones of train. The penalty is chosen by the headline metric
over pixels drawn in the same way from valid, or by cross-validation over train's images. What is returned is predicted
for every pixel of valid and test.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from harness.protocols.masks.drawn_pixels import (
    DrawnPixels,
    Fold,
    Pixels,
    PixelSettings,
    choose_by_folds,
    deal_images,
)
from harness.protocols.penalties import Penalties, best_on_valid
from harness.protocols.select_cv import PATIENCE
from harness.records.labels import Split
from harness.records.materials import PixelMaterial
from harness.records.outcome import Outcome
from harness.records.run import Selection
from harness.solvers.ridge_path import RidgePath
from harness.tasks import TASKS


@dataclass(frozen=True, kw_only=True)
class LinearProbePixelRegressionSettings(Penalties, PixelSettings):
    """What pixels are drawn, as for masks, and which penalties tried, as for numbers of images."""

    version: int = 1


def linear_probe_pixel_regression(
    material: PixelMaterial, settings: LinearProbePixelRegressionSettings, seed: int
) -> Outcome:
    """Fits on train at every penalty and keeps the best by `material.selection`, of equals the strongest.

    Without a choice, or if cross-validation cannot make one (one image), the penalty is the number of features. `seed`
    draws the pixels.

    Raises:
        UserError: features that are not finite, labels of train that do not vary, no labelled pixel in valid, or a
            headline metric that is undefined there.
    """
    TASKS[material.label_kind].check_learnable(material.labels("train"), "a linear probe")
    drawn = DrawnPixels(material, settings, seed)
    path, penalties = _fit(drawn.train.features, drawn.train.labels), settings.values
    penalty = float(drawn.n_varying)
    if material.selection is Selection.VALID:
        penalty = _choose_on_valid(material, path, drawn.draw_valid(), penalties)
    elif material.selection is Selection.CV:
        penalty = _choose_by_cv(material, drawn.train, penalties, penalty)
    return Outcome(
        valid_scores=_predict(drawn, "valid", path, penalty),
        test_scores=_predict(drawn, "test", path, penalty),
        ran_with={
            "penalty": penalty,
            "penalty_at_edge": penalty in (penalties[0], penalties[-1]),
            **drawn.facts,
        },
        n_labels_fit=material.n_images("train"),
        n_labels_select=material.n_images("valid") if material.selection is Selection.VALID else 0,
    )


def _fit(features: np.ndarray, labels: np.ndarray) -> RidgePath:
    return RidgePath(features, labels.astype(np.float64)[:, None])


def _choose_on_valid(material: PixelMaterial, path: RidgePath, valid: Pixels, penalties: Sequence[float]) -> float:
    predicted = path.predict_all(valid.features, penalties)
    scores = (material.pixel_score(valid.labels, values[:, 0]) for values in predicted)
    return best_on_valid(scores, penalties, "a number that never varies", "the linear probe")


def _choose_by_cv(material: PixelMaterial, train: Pixels, penalties: Sequence[float], default: float) -> float:
    """The penalty that predicts train's images best, each from those of other folds."""
    folds = deal_images(train)
    if len(folds) < 2:
        return default
    paths = [_predict_fold(train, fold, penalties) for fold in folds]
    choice = choose_by_folds(material, train, folds, paths, PATIENCE)
    return penalties[choice.candidate] if choice else default


def _predict_fold(pixels: Pixels, fold: Fold, penalties: Sequence[float]) -> Iterator[np.ndarray]:
    """Numbers of a fold's held-out pixels at each penalty."""
    path = _fit(pixels.features[fold.fit], pixels.labels[fold.fit])
    for values in path.predict_all(pixels.features[fold.held], penalties):
        yield values[:, 0]


def _predict(drawn: DrawnPixels, split: Split, path: RidgePath, penalty: float) -> np.ndarray:
    """(n, H, W) float32 numbers of every pixel of a split."""
    slopes, intercepts = path.coefficients(penalty)
    return drawn.predict(split, slopes.T, intercepts, lambda values: values[0], dtype=np.float32)
