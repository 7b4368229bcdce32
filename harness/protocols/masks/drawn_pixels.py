"""What probes of single pixels share: pixels drawn from a split with their hypercolumns, folds of whole images, and the
prediction of every pixel by a linear map."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import numpy as np

from harness.errors import UserError
from harness.protocols.masks.hypercolumn import hypercolumns, pixel_logits
from harness.protocols.masks.pixel_sample import draw_pixels
from harness.protocols.select_cv import N_FOLDS, Choice, best_of_folds
from harness.records.labels import Split
from harness.records.materials import PixelMaterial
from harness.solvers.standardise import Units, measure_units


@dataclass(frozen=True, kw_only=True)
class Pixels:
    """Drawn pixels of a split."""

    features: np.ndarray
    """(p, D) float64."""
    labels: np.ndarray
    """(p,) uint8 classes or float32 numbers; all have one."""
    images: np.ndarray
    """(p,) int64, the image each is of."""

    def in_units(self, units: Units) -> "Pixels":
        """These pixels with standardised features."""
        return replace(self, features=units.standardise(self.features))

    def every_nth(self, at_most: int) -> "Pixels":
        """Pixels evenly spread over all, which are in the order of their images."""
        which = np.linspace(0, len(self.labels) - 1, min(at_most, len(self.labels))).astype(np.int64)
        return Pixels(features=self.features[which], labels=self.labels[which], images=self.images[which])


class Fold(NamedTuple):
    """(p,) bool each: pixels that fit and pixels that are held out, of other images."""

    fit: np.ndarray
    held: np.ndarray


@dataclass(frozen=True, kw_only=True)
class PixelSettings:
    """What pixels are drawn.

    Pixels of one image are much alike, so a few hundred of each say nearly all; with more than 64 images fewer are
    drawn of each.
    """

    version: int
    levels: tuple[int, ...] | None = None
    """Levels of the pyramid a hypercolumn is made of, 0 the finest; None: all."""
    pixels_per_image: int = 256
    max_pixels: int = 16_384


class DrawnPixels:
    """The pixels that a probe fits and chooses on, with features in units of those that fit."""

    def __init__(self, material: PixelMaterial, settings: PixelSettings, seed: int) -> None:
        """
        Raises:
            UserError: no pixel of train has a label, or a feature is not finite.
        """
        self.material = material
        self.levels = tuple(range(len(material.strides))) if settings.levels is None else settings.levels
        self._settings = settings
        self._seed = seed
        self._strides = [material.strides[level] for level in self.levels]
        self._zoom = (material.fed_px[0] / material.size_px[0], material.fed_px[1] / material.size_px[1])
        """(down, across) embedded pixels per pixel of a mask."""
        raw = self._draw("train")
        self.units = measure_units(raw.features)
        self.train = raw.in_units(self.units)

    @property
    def n_varying(self) -> int:
        """Features that are not constant, at least 1."""
        return max(1, len(self.units.mean) - self.units.n_constant)

    @property
    def facts(self) -> dict[str, Any]:
        """What a row says of them."""
        return {
            "strides": self._strides,
            "features": len(self.units.mean),
            "constant_features": self.units.n_constant,
            "pixels": len(self.train.labels),
        }

    def draw_valid(self) -> Pixels:
        """The pixels of valid that choose. UserError as for train."""
        return self._draw("valid").in_units(self.units)

    def predict(
        self,
        split: Split,
        slopes: np.ndarray,
        intercepts: np.ndarray,
        decide: Callable[[np.ndarray], np.ndarray],
        dtype: type[np.generic],
    ) -> np.ndarray:
        """(n, H, W) of `dtype`: what is predicted of every pixel of a split; image by image, so no batch matters.

        Args:
            slopes: (K, D) float64, of standardised features.
            intercepts: (K,) float64.
            decide: (K, H, W) float32 values of that linear map of an image's pixels -> (H, W) predictions.
        """
        slopes = slopes * self.units.scale  # in the units of the maps
        intercepts = (intercepts - slopes @ self.units.mean).astype(np.float32)
        size_px = self.material.size_px
        predicted = np.empty((self.material.n_images(split), *size_px), dtype)
        for image in range(len(predicted)):
            maps = self._maps(split, image)
            ends = np.cumsum([level.shape[-1] for level in maps])
            parts = np.split(slopes.astype(np.float32), ends[:-1], axis=1)
            predicted[image] = decide(pixel_logits(maps, self._strides, parts, intercepts, size_px, self._zoom))
        return predicted

    def _draw(self, split: Literal["train", "valid"]) -> Pixels:
        """About as many labelled pixels of a split as the settings say, as `draw_pixels` does."""
        masks = self.material.labels(split)
        budget = min(self._settings.pixels_per_image * len(masks), self._settings.max_pixels)
        sample = draw_pixels(masks, budget, self._seed)
        counts = [len(pixels.labels) for pixels in sample]
        if not sum(counts):
            raise UserError(
                f"none of the {split} split's {len(masks)} masks has a labelled pixel: use another partition."
            )
        features = []
        for image in np.flatnonzero(counts).tolist():
            maps = self._maps(split, image)
            features.append(hypercolumns(maps, self._strides, sample[image].y, sample[image].x, self._zoom))
            if not np.isfinite(features[-1]).all():
                raise UserError(
                    f"features of image {image} of the {split} split are not finite. Look for broken weights."
                )
        return Pixels(
            features=np.concatenate(features).astype(np.float64),
            labels=np.concatenate([pixels.labels for pixels in sample]),
            images=np.repeat(np.arange(len(masks)), counts),
        )

    def _maps(self, split: Split, image: int) -> list[np.ndarray]:
        maps = self.material.maps(split, image)
        return [maps[level] for level in self.levels]


def deal_images(pixels: Pixels) -> list[Fold]:
    """Folds of whole images, for pixels of one image tell of each other."""
    folds = pixels.images % N_FOLDS
    return [Fold(folds != fold, folds == fold) for fold in np.unique(folds)]


def choose_by_folds(
    material: PixelMaterial, pixels: Pixels, folds: Sequence[Fold], paths: Sequence[Iterable[np.ndarray]], patience: int
) -> Choice | None:
    """The candidate that predicts held-out pixels best, judged once over all of them.

    Args:
        paths: of each fold, what each candidate predicts of its held-out pixels, the most regularised first. As
            iterators they advance in step and do no work beyond the end of the search.
    """
    held_labels = np.concatenate([pixels.labels[fold.held] for fold in folds])
    return best_of_folds(paths, lambda predicted: material.pixel_score(held_labels, predicted), patience)
