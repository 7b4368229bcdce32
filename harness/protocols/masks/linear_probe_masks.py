"""Linear probe for masks, solved to convergence: multinomial logistic regression on the hypercolumns of pixels.

It is fitted on pixels drawn at random from train's masks with the classes' natural frequencies, because the metrics
judged count all pixels alike; classes are neither balanced nor weighted. The strength is chosen by the headline metric
over pixels drawn in the same way from valid, or by cross-validation over train's images. What is returned is predicted
for every pixel of valid and test.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from harness.errors import UserError
from harness.protocols.masks.hypercolumn import hypercolumns, pixel_logits
from harness.protocols.masks.pixel_classifier import PixelFit, fit_pixels
from harness.protocols.masks.pixel_sample import draw_pixels
from harness.protocols.select_cv import Search
from harness.records.labels import Split
from harness.records.materials import PixelMaterial
from harness.records.outcome import Outcome
from harness.records.run import Selection

N_FOLDS = 5
PATIENCE = 3
"""Strengths worse than the best that end cross-validation: a factor of 100, as for `linear_probe`."""
FOLD_GAP = 0.01
"""Regressions of folds are solved to within this fraction of their optimum, in a third of the time of solving them as
exactly as the one that is reported: strengths compare the same."""
ROUNDING = 1e-6
"""A channel whose standard deviation is within this fraction of its mean shows only rounding."""


@dataclass(frozen=True, kw_only=True)
class LinearProbeMasksSettings:
    """What pixels are drawn and which strengths (scikit-learn's C) tried.

    Pixels of one image are much alike, so a few hundred of each say nearly all; with more than 64 images fewer are
    drawn of each. The best strength lies between 1e-4, for hypercolumns of 600 features, and beyond 100 for a dozen raw
    bands of which every digit counts.
    """

    version: int = 3
    levels: tuple[int, ...] | None = None
    """Levels of the pyramid a hypercolumn is made of, 0 the finest; None: all."""
    pixels_per_image: int = 256
    max_pixels: int = 16_384
    cv_pixels: int = 4_096
    """Of these, those that cross-validation fits and judges on: a strength is one prior, whatever the number."""
    n_strengths: int = 16
    strongest: float = 1e-6
    weakest: float = 1e4


@dataclass(frozen=True, kw_only=True)
class _Pixels:
    """Drawn pixels of a split."""

    features: np.ndarray
    """(p, D) float64."""
    labels: np.ndarray
    """(p,) uint8."""
    images: np.ndarray
    """(p,) int64, the image each is of."""


def linear_probe_masks(material: PixelMaterial, settings: LinearProbeMasksSettings, seed: int) -> Outcome:
    """Fits on train at ever weaker strengths and keeps the best by `material.selection`, of equals the strongest.

    It ends where weaker ones only get worse (`select_cv.Search`). If cross-validation cannot choose (one image, or
    folds of one class), the strength is 1 / number of features, as for `linear_probe`. `seed` draws the pixels. A class
    that is not among train's pixels is never predicted.

    Raises:
        UserError: features that are not finite, no labelled pixel in train or valid, or only one class in train.
    """
    levels = tuple(range(len(material.strides))) if settings.levels is None else settings.levels
    train = _draw(material, "train", levels, settings, seed)
    mean, scale = _units(train.features)
    train = _standardise(train, mean, scale)
    if len(np.unique(train.labels)) < 2:
        raise UserError(
            f"train's masks have only class {train.labels[0]}; a linear probe needs at least two: use a larger "
            "partition."
        )
    strengths = np.geomspace(settings.strongest, settings.weakest, settings.n_strengths).tolist()
    if material.selection is Selection.VALID:
        valid = _standardise(_draw(material, "valid", levels, settings, seed), mean, scale)
        best, score = _choose_on_valid(material, train, valid, strengths)
    else:
        default = 1.0 / max(1, int(np.count_nonzero(scale)))
        best, score = _choose_by_cv(material, train, strengths, default, settings.cv_pixels)
    return Outcome(
        valid_scores=_predict_masks(material, "valid", best, mean, scale, levels),
        test_scores=_predict_masks(material, "test", best, mean, scale, levels),
        ran_with={
            "strength": best.strength,
            "score": score,
            "strides": [material.strides[level] for level in levels],
            "features": len(mean),
            "constant_features": int((scale == 0).sum()),
            "pixels": len(train.labels),
            "relative_gap": best.relative_gap,
            "absent_classes": sorted(set(range(material.n_classes)) - set(best.classes.tolist())),
        },
        n_labels_fit=material.n_images("train"),
        n_labels_select=material.n_images("valid") if material.selection is Selection.VALID else 0,
    )


def _draw(
    material: PixelMaterial,
    split: Literal["train", "valid"],
    levels: Sequence[int],
    settings: LinearProbeMasksSettings,
    seed: int,
) -> _Pixels:
    masks = material.labels(split)
    strides, zoom = [material.strides[level] for level in levels], _zoom(material)
    sample = draw_pixels(masks, min(settings.pixels_per_image * len(masks), settings.max_pixels), seed)
    counts = [len(pixels.labels) for pixels in sample]
    if not sum(counts):
        raise UserError(f"none of the {split} split's {len(masks)} masks has a labelled pixel: use another partition.")
    features = []
    for image in np.flatnonzero(counts).tolist():
        maps = material.maps(split, image)
        features.append(hypercolumns([maps[i] for i in levels], strides, sample[image].y, sample[image].x, zoom))
        if not np.isfinite(features[-1]).all():
            raise UserError(f"features of image {image} of the {split} split are not finite. Look for broken weights.")
    return _Pixels(
        features=np.concatenate(features).astype(np.float64),
        labels=np.concatenate([pixels.labels for pixels in sample]),
        images=np.repeat(np.arange(len(masks)), counts),
    )


def _units(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(D,) mean and inverse standard deviation; the latter 0 for constant features."""
    mean, std = features.mean(axis=0), features.std(axis=0)
    return mean, np.divide(1.0, std, out=np.zeros_like(std), where=std > ROUNDING * np.abs(mean))


def _standardise(pixels: _Pixels, mean: np.ndarray, scale: np.ndarray) -> _Pixels:
    return _Pixels(features=(pixels.features - mean) * scale, labels=pixels.labels, images=pixels.images)


def _every_nth(pixels: _Pixels, at_most: int) -> _Pixels:
    """Pixels evenly spread over all, which are in the order of their images."""
    which = np.linspace(0, len(pixels.labels) - 1, min(at_most, len(pixels.labels))).astype(np.int64)
    return _Pixels(features=pixels.features[which], labels=pixels.labels[which], images=pixels.images[which])


def _choose_on_valid(
    material: PixelMaterial, train: _Pixels, valid: _Pixels, strengths: Sequence[float]
) -> tuple[PixelFit, float | None]:
    """The best fit and its score on valid's pixels."""
    search, best = Search(PATIENCE), None
    for fit in fit_pixels(train.features, train.labels, strengths):
        if search.improves(material.pixel_score(valid.labels, fit.predict(valid.features))):
            best = fit
        if search.is_over:
            break
    assert best, "there are labelled pixels, so the metrics of masks are defined"
    return best, search.best.score if search.best else None


def _choose_by_cv(
    material: PixelMaterial, train: _Pixels, strengths: Sequence[float], default: float, cv_pixels: int
) -> tuple[PixelFit, float | None]:
    """The fit whose strength predicts train's images best, each from those of other folds, and its score there."""
    some = _every_nth(train, cv_pixels)
    folds = some.images % N_FOLDS
    parts = [(folds != fold, folds == fold) for fold in np.unique(folds)]
    strength, score = default, None
    if len(parts) > 1 and all(len(np.unique(some.labels[fit])) > 1 for fit, _ in parts):
        paths = [fit_pixels(some.features[fit], some.labels[fit], strengths, FOLD_GAP) for fit, _ in parts]
        predicted = np.empty(len(folds), np.uint8)
        search = Search(PATIENCE)
        for fits in zip(*paths, strict=True):  # in step, to stop where weaker ones only get worse
            for fit, (_, held) in zip(fits, parts, strict=True):
                predicted[held] = fit.predict(some.features[held])
            search.improves(material.pixel_score(some.labels, predicted))
            if search.is_over:
                break
        assert search.best is not None, "there are labelled pixels, so the metrics of masks are defined"
        strength, score = strengths[search.best.candidate], search.best.score
    path = [stronger for stronger in strengths if stronger < strength]  # each optimum starts the next; none is too far
    *_, best = fit_pixels(train.features, train.labels, [*path, strength])
    return best, score


def _predict_masks(
    material: PixelMaterial, split: Split, fit: PixelFit, mean: np.ndarray, scale: np.ndarray, levels: Sequence[int]
) -> np.ndarray:
    """(n, H, W) uint8 classes of every pixel of a split; image by image, so no batch size can matter."""
    slopes = fit.slopes * scale  # in the units of the maps
    intercepts = (fit.intercepts - slopes @ mean).astype(np.float32)
    strides = [material.strides[level] for level in levels]
    predicted = np.empty((material.n_images(split), *material.size_px), np.uint8)
    for image, mask in enumerate(predicted):
        all_maps = material.maps(split, image)
        maps = [all_maps[level] for level in levels]
        ends = np.cumsum([level.shape[-1] for level in maps])
        parts = np.split(slopes.astype(np.float32), ends[:-1], axis=1)
        logits = pixel_logits(maps, strides, parts, intercepts, material.size_px, _zoom(material))
        mask[:] = fit.classes[logits.argmax(axis=0)]
    return predicted


def _zoom(material: PixelMaterial) -> tuple[float, float]:
    """(down, across) embedded pixels per pixel of a mask."""
    return material.fed_px[0] / material.size_px[0], material.fed_px[1] / material.size_px[1]
