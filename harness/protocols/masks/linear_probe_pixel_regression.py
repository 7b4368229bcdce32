"""Linear probe for a number a pixel, solved exactly: ridge regression on the hypercolumns of pixels.

It is fitted on pixels drawn at random from all labelled ones of train. The penalty is chosen by the headline metric
over pixels drawn in the same way from valid, or by cross-validation over train's images. What is returned is predicted
for every pixel of valid and test.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from harness.errors import UserError
from harness.protocols.masks.drawn_pixels import (
    Fold,
    Pixels,
    choose_by_folds,
    deal_images,
    draw,
    predict_images,
)
from harness.protocols.select_cv import PATIENCE
from harness.records.labels import Split
from harness.records.materials import PixelMaterial
from harness.records.outcome import Outcome
from harness.records.run import Selection
from harness.solvers.ridge_path import RidgePath
from harness.solvers.standardise import Units, measure_units
from harness.tasks import TASKS


@dataclass(frozen=True, kw_only=True)
class LinearProbePixelRegressionSettings:
    """What pixels are drawn, as for masks, and which penalties tried, as for numbers of images."""

    version: int = 1
    levels: tuple[int, ...] | None = None
    """Levels of the pyramid a hypercolumn is made of, 0 the finest; None: all."""
    pixels_per_image: int = 256
    max_pixels: int = 16_384
    n_penalties: int = 28
    strongest: float = 1e7
    weakest: float = 1e-2


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
    levels = tuple(range(len(material.strides))) if settings.levels is None else settings.levels
    train = draw(material, "train", levels, _budget(material, "train", settings), seed)
    units = measure_units(train.features)
    train = train.in_units(units)
    path = _fit(train.features, train.labels)
    penalties = np.geomspace(settings.strongest, settings.weakest, settings.n_penalties).tolist()
    penalty = float(max(1, len(units.mean) - units.n_constant))
    if material.selection is Selection.VALID:
        valid = draw(material, "valid", levels, _budget(material, "valid", settings), seed).in_units(units)
        penalty = _choose_on_valid(material, path, valid, penalties)
    elif material.selection is Selection.CV:
        penalty = _choose_by_cv(material, train, penalties, penalty)
    return Outcome(
        valid_scores=_predict(material, "valid", path, penalty, units, levels),
        test_scores=_predict(material, "test", path, penalty, units, levels),
        ran_with={
            "penalty": penalty,
            "penalty_at_edge": penalty in (penalties[0], penalties[-1]),
            "strides": [material.strides[level] for level in levels],
            "features": len(units.mean),
            "constant_features": units.n_constant,
            "pixels": len(train.labels),
        },
        n_labels_fit=material.n_images("train"),
        n_labels_select=material.n_images("valid") if material.selection is Selection.VALID else 0,
    )


def _budget(material: PixelMaterial, split: Split, settings: LinearProbePixelRegressionSettings) -> int:
    """Pixels to draw from a split."""
    return min(settings.pixels_per_image * material.n_images(split), settings.max_pixels)


def _fit(features: np.ndarray, labels: np.ndarray) -> RidgePath:
    return RidgePath(features, labels.astype(np.float64)[:, None])


def _choose_on_valid(material: PixelMaterial, path: RidgePath, valid: Pixels, penalties: Sequence[float]) -> float:
    predicted = path.predict_all(valid.features, penalties)
    scores = [material.pixel_score(valid.labels, values[:, 0]) for values in predicted]
    best = int(np.argmax(scores))
    if scores[best] == -np.inf:
        raise UserError(
            "the headline metric is undefined on the valid split (a number that never varies?), so the linear probe "
            "cannot choose its penalty by it. Pass --select cv"
        )
    return penalties[best]


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


def _predict(
    material: PixelMaterial, split: Split, path: RidgePath, penalty: float, units: Units, levels: Sequence[int]
) -> np.ndarray:
    """(n, H, W) float32 numbers of every pixel of a split."""
    slopes, intercepts = path.coefficients(penalty)
    predicted = np.empty((material.n_images(split), *material.size_px), np.float32)
    images = predict_images(material, split, levels, units, slopes.T, intercepts)
    for image, values in zip(predicted, images, strict=True):
        image[:] = values[0]
    return predicted
