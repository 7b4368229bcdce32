"""Linear probe for masks, solved to convergence: multinomial logistic regression on the hypercolumns of pixels.

It is fitted on pixels drawn at random from train's masks with the classes' natural frequencies, because the metrics
judged count all pixels alike; classes are neither balanced nor weighted. C is chosen by the headline metric
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
from harness.protocols.masks.pixel_classifier import PixelFit, fit_pixels
from harness.protocols.select_cv import Search
from harness.records.labels import Split
from harness.records.materials import PixelMaterial
from harness.records.outcome import Outcome
from harness.records.run import Selection
from harness.solvers.logistic_path import path_to
from harness.solvers.standardise import Units, measure_units

PATIENCE = 3
"""Values of C worse than the best that end cross-validation: a factor of 100, as for `linear_probe`."""
FOLD_GAP = 0.01
"""Regressions of folds are solved to within this fraction of their optimum, in a third of the time of solving them as
exactly as the one that is reported: values of C compare the same."""


@dataclass(frozen=True, kw_only=True)
class LinearProbeMasksSettings:
    """What pixels are drawn and which values of C (scikit-learn's: larger regularises less) tried.

    Pixels of one image are much alike, so a few hundred of each say nearly all; with more than 64 images fewer are
    drawn of each. The best C lies between 1e-4, for hypercolumns of 600 features, and beyond 100 for a dozen raw
    bands of which every digit counts.
    """

    version: int = 3
    levels: tuple[int, ...] | None = None
    """Levels of the pyramid a hypercolumn is made of, 0 the finest; None: all."""
    pixels_per_image: int = 256
    max_pixels: int = 16_384
    cv_pixels: int = 4_096
    """Of these, those that cross-validation fits and judges on: a C is one prior, whatever the number."""
    n_strengths: int = 16
    strongest: float = 1e-6
    weakest: float = 1e4


def linear_probe_masks(material: PixelMaterial, settings: LinearProbeMasksSettings, seed: int) -> Outcome:
    """Fits on train at ever larger C and keeps the best by `material.selection`, of equals the smallest.

    It ends where larger ones only get worse (`select_cv.Search`). If cross-validation cannot choose (one image, or
    folds of one class), C is 1 / number of features, as for `linear_probe`. `seed` draws the pixels. A class
    that is not among train's pixels is never predicted.

    Raises:
        UserError: features that are not finite, no labelled pixel in train or valid, or only one class in train.
    """
    levels = tuple(range(len(material.strides))) if settings.levels is None else settings.levels
    train = draw(material, "train", levels, _budget(material, "train", settings), seed)
    units = measure_units(train.features)
    train = train.in_units(units)
    if len(np.unique(train.labels)) < 2:
        raise UserError(
            f"train's masks have only class {train.labels[0]}; a linear probe needs at least two: use a larger "
            "partition."
        )
    c_values = np.geomspace(settings.strongest, settings.weakest, settings.n_strengths).tolist()
    if material.selection is Selection.VALID:
        valid = draw(material, "valid", levels, _budget(material, "valid", settings), seed).in_units(units)
        best, score = _choose_on_valid(material, train, valid, c_values)
    else:
        default = 1.0 / max(1, len(units.mean) - units.n_constant)
        best, score = _choose_by_cv(material, train, c_values, default, settings.cv_pixels)
    return Outcome(
        valid_scores=_predict_masks(material, "valid", best, units, levels),
        test_scores=_predict_masks(material, "test", best, units, levels),
        ran_with={
            "strength": best.c,
            "score": score,
            "strides": [material.strides[level] for level in levels],
            "features": len(units.mean),
            "constant_features": units.n_constant,
            "pixels": len(train.labels),
            "relative_gap": best.relative_gap,
            "absent_classes": sorted(set(range(material.n_classes)) - set(best.classes.tolist())),
        },
        n_labels_fit=material.n_images("train"),
        n_labels_select=material.n_images("valid") if material.selection is Selection.VALID else 0,
    )


def _budget(material: PixelMaterial, split: Split, settings: LinearProbeMasksSettings) -> int:
    """Pixels to draw from a split."""
    return min(settings.pixels_per_image * material.n_images(split), settings.max_pixels)


def _choose_on_valid(
    material: PixelMaterial, train: Pixels, valid: Pixels, c_values: Sequence[float]
) -> tuple[PixelFit, float | None]:
    """The best fit and its score on valid's pixels."""
    search, best = Search(PATIENCE), None
    for fit in fit_pixels(train.features, train.labels, c_values):
        if search.improves(material.pixel_score(valid.labels, fit.predict(valid.features))):
            best = fit
        if search.is_over:
            break
    assert best, "there are labelled pixels, so the metrics of masks are defined"
    return best, search.best.score if search.best else None


def _choose_by_cv(
    material: PixelMaterial, train: Pixels, c_values: Sequence[float], default: float, cv_pixels: int
) -> tuple[PixelFit, float | None]:
    """The fit whose C predicts train's images best, each from those of other folds, and its score there."""
    some = train.every_nth(cv_pixels)
    folds = deal_images(some)
    c, score = default, None
    if len(folds) > 1 and all(len(np.unique(some.labels[fold.fit])) > 1 for fold in folds):
        paths = [_predict_fold(some, fold, c_values) for fold in folds]
        choice = choose_by_folds(material, some, folds, paths, PATIENCE)
        assert choice is not None, "there are labelled pixels, so the metrics of masks are defined"
        c, score = c_values[choice.candidate], choice.score
    *_, best = fit_pixels(train.features, train.labels, path_to(c, c_values))
    return best, score


def _predict_fold(pixels: Pixels, fold: Fold, c_values: Sequence[float]) -> Iterator[np.ndarray]:
    """Classes of a fold's held-out pixels at each C."""
    for fit in fit_pixels(pixels.features[fold.fit], pixels.labels[fold.fit], c_values, FOLD_GAP):
        yield fit.predict(pixels.features[fold.held])


def _predict_masks(
    material: PixelMaterial, split: Split, fit: PixelFit, units: Units, levels: Sequence[int]
) -> np.ndarray:
    """(n, H, W) uint8 classes of every pixel of a split."""
    predicted = np.empty((material.n_images(split), *material.size_px), np.uint8)
    for mask, logits in zip(
        predicted, predict_images(material, split, levels, units, fit.slopes, fit.intercepts), strict=True
    ):
        mask[:] = fit.classes[logits.argmax(axis=0)]
    return predicted
