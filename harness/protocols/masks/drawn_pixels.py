"""What probes of single pixels share: pixels drawn from a split with their hypercolumns, folds of whole images, and the
prediction of every pixel by a linear map."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np

from harness.errors import UserError
from harness.protocols.masks.hypercolumn import hypercolumns, pixel_logits
from harness.protocols.masks.pixel_sample import draw_pixels
from harness.protocols.select_cv import N_FOLDS, Choice, best_of_folds
from harness.records.labels import Split
from harness.records.materials import PixelMaterial
from harness.solvers.standardise import Units


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


def draw(
    material: PixelMaterial, split: Literal["train", "valid"], levels: Sequence[int], budget: int, seed: int
) -> Pixels:
    """About `budget` labelled pixels of a split, as `draw_pixels` says.

    Args:
        levels: of the pyramid, those a hypercolumn is made of.
    Raises:
        UserError: no pixel has a label, or a feature is not finite.
    """
    masks = material.labels(split)
    strides, zoom = [material.strides[level] for level in levels], _zoom(material)
    sample = draw_pixels(masks, budget, seed)
    counts = [len(pixels.labels) for pixels in sample]
    if not sum(counts):
        raise UserError(f"none of the {split} split's {len(masks)} masks has a labelled pixel: use another partition.")
    features = []
    for image in np.flatnonzero(counts).tolist():
        maps = material.maps(split, image)
        features.append(hypercolumns([maps[i] for i in levels], strides, sample[image].y, sample[image].x, zoom))
        if not np.isfinite(features[-1]).all():
            raise UserError(f"features of image {image} of the {split} split are not finite. Look for broken weights.")
    return Pixels(
        features=np.concatenate(features).astype(np.float64),
        labels=np.concatenate([pixels.labels for pixels in sample]),
        images=np.repeat(np.arange(len(masks)), counts),
    )


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


def predict_images(
    material: PixelMaterial,
    split: Split,
    levels: Sequence[int],
    units: Units,
    slopes: np.ndarray,
    intercepts: np.ndarray,
) -> Iterator[np.ndarray]:
    """(K, H, W) float32 of each image of a split: a linear map of every pixel; image by image, so no batch matters.

    Args:
        slopes: (K, D) float64, of standardised features.
        intercepts: (K,) float64.
    """
    slopes = slopes * units.scale  # in the units of the maps
    intercepts = (intercepts - slopes @ units.mean).astype(np.float32)
    strides = [material.strides[level] for level in levels]
    for image in range(material.n_images(split)):
        all_maps = material.maps(split, image)
        maps = [all_maps[level] for level in levels]
        ends = np.cumsum([level.shape[-1] for level in maps])
        parts = np.split(slopes.astype(np.float32), ends[:-1], axis=1)
        yield pixel_logits(maps, strides, parts, intercepts, material.size_px, _zoom(material))


def _zoom(material: PixelMaterial) -> tuple[float, float]:
    """(down, across) embedded pixels per pixel of a mask."""
    return material.fed_px[0] / material.size_px[0], material.fed_px[1] / material.size_px[1]
