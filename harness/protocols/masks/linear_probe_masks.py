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
    DrawnPixels,
    Fold,
    Pixels,
    PixelSettings,
    choose_by_folds,
    deal_images,
)
from harness.protocols.masks.hypercolumn import likeliest
from harness.protocols.masks.pixel_classifier import PixelFit, fit_pixels
from harness.protocols.select_cv import Search
from harness.records.labels import Split
from harness.records.materials import PixelMaterial
from harness.records.outcome import Outcome
from harness.records.run import Selection
from harness.solvers.logistic_path import path_to

PATIENCE = 3
"""Values of C worse than the best that end cross-validation: a factor of 100, as for `linear_probe`."""
FOLD_GAP = 0.01
"""Regressions of folds are solved to within this fraction of their optimum, in a third of the time of solving them as
exactly as the one that is reported: values of C compare the same."""


@dataclass(frozen=True, kw_only=True)
class LinearProbeMasksSettings(PixelSettings):
    """What pixels are drawn and which values of C (scikit-learn's: larger regularises less) tried.

    The best C lies between 1e-4, for hypercolumns of 600 features, and beyond 100 for a dozen raw bands of which every
    digit counts.
    """

    version: int = 3
    cv_pixels: int = 4_096
    """Pixels, of those drawn, that cross-validation fits and judges on: a C is one prior, whatever the number."""
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
    drawn = DrawnPixels(material, settings, seed)
    train = drawn.train
    if len(np.unique(train.labels)) < 2:
        raise UserError(
            f"train's masks have only class {train.labels[0]}; a linear probe needs at least two: use a larger "
            "partition."
        )
    c_values = np.geomspace(settings.strongest, settings.weakest, settings.n_strengths).tolist()
    if material.selection is Selection.VALID:
        best, score = _choose_on_valid(material, train, drawn.draw_valid(), c_values)
    else:
        best, score = _choose_by_cv(material, train, c_values, 1.0 / drawn.n_varying, settings.cv_pixels)
    return Outcome(
        valid_scores=_predict_masks(drawn, "valid", best),
        test_scores=_predict_masks(drawn, "test", best),
        ran_with={
            "strength": best.c,
            "score": score,
            **drawn.facts,
            "relative_gap": best.relative_gap,
            "absent_classes": sorted(set(range(material.n_classes)) - set(best.classes.tolist())),
        },
        n_labels_fit=material.n_images("train"),
        n_labels_select=material.n_images("valid") if material.selection is Selection.VALID else 0,
    )


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


def _predict_masks(drawn: DrawnPixels, split: Split, fit: PixelFit) -> np.ndarray:
    """(n, H, W) uint8 classes of every pixel of a split."""
    return drawn.predict(
        split, fit.slopes, fit.intercepts, lambda logits: fit.classes[likeliest(logits)], dtype=np.uint8
    )
