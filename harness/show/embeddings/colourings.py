"""What images can be coloured by: their labels, read image by image, and the place where they were taken."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from harness.data.arrays import ArrayCache
from harness.data.description import DatasetSpec, list_names
from harness.errors import UserError
from harness.records.labels import LabelKind
from harness.tasks.areas import area_fractions

LABEL, PLACE = "label", "place"
"""Words for the first of the labels, and for all that says where images were taken."""
_OF_PLACE = ("latitude", "longitude")


@dataclass(frozen=True, eq=False, kw_only=True)
class Colouring:
    """One thing that is known of n images."""

    name: str
    values: np.ndarray
    """(n,) float64; NaN: not known of that image. Of classes their index."""
    classes: tuple[str, ...] = ()
    """Names of classes; empty where values are numbers."""
    unit: str = ""

    @property
    def known(self) -> np.ndarray:
        """(n,) bool: of which images it is known."""
        return ~np.isnan(self.values)


def read_colourings(spec: DatasetSpec, arrays: ArrayCache, rows: np.ndarray) -> list[Colouring]:
    """All that images can be coloured by, the label first.

    Args:
        rows: (n,) int64 of the arrays.
    """
    found = _OF_LABELS[spec.label_kind](arrays.labels[rows], spec)
    if arrays.places is not None:
        longitude, latitude = arrays.places[rows].T
        found += [
            Colouring(name=name, values=values, unit="degrees")
            for name, values in zip(_OF_PLACE, (latitude, longitude), strict=True)
        ]
    return found


def choose_colourings(colourings: Sequence[Colouring], wanted: str, dataset: str) -> list[Colouring]:
    """The colourings that a word of the command line means: one, or two of `place`.

    Raises:
        UserError: the dataset has none of that name, or says of no image where it was taken.
    """
    if wanted == LABEL:
        return [colourings[0]]
    names = _OF_PLACE if wanted == PLACE else (wanted,)
    chosen = [next((each for each in colourings if each.name == name), None) for name in names]
    there = [each for each in chosen if each is not None]
    if len(there) < len(chosen):
        has_places = any(each.name in _OF_PLACE for each in colourings)
        words = [LABEL, *([PLACE] if has_places else []), *(each.name for each in colourings)]
        why = "does not say where its images were taken" if wanted == PLACE else f"has nothing called {wanted!r}"
        raise UserError(f"--colour-by {wanted}: {dataset} {why}. Choose among {list_names(words)}")
    return there


def _single_label(labels: np.ndarray, spec: DatasetSpec) -> list[Colouring]:
    return [Colouring(name="class", values=labels.astype(np.float64), classes=spec.class_names)]


def _multi_label(labels: np.ndarray, spec: DatasetSpec) -> list[Colouring]:
    count = Colouring(name="labels of an image", values=labels.sum(axis=1, dtype=np.float64))
    of_each = zip(spec.class_names, labels.T, strict=True)
    return [
        count,
        *(Colouring(name=name, values=has.astype(np.float64), classes=("absent", "present")) for name, has in of_each),
    ]


def _regression(labels: np.ndarray, spec: DatasetSpec) -> list[Colouring]:
    return [Colouring(name=name, values=values) for name, values in zip(spec.class_names, labels.T, strict=True)]


def _segmentation(labels: np.ndarray, spec: DatasetSpec) -> list[Colouring]:
    shares = area_fractions(labels, spec.n_classes)
    unknown = np.isnan(shares).any(axis=1)
    most = np.where(unknown, np.nan, np.where(unknown[:, None], 0.0, shares).argmax(axis=1))
    of_each = zip(spec.class_names, 100.0 * shares.T, strict=True)
    return [
        Colouring(name="most common class", values=most, classes=spec.class_names),
        *(Colouring(name=name, values=share, unit="% of the image") for name, share in of_each),
    ]


def _pixel_regression(labels: np.ndarray, spec: DatasetSpec) -> list[Colouring]:
    known = ~np.isnan(labels)
    count = known.sum(axis=(1, 2))
    total = np.where(known, labels, 0.0).sum(axis=(1, 2), dtype=np.float64)
    mean = np.divide(total, count, out=np.full(len(labels), np.nan), where=count > 0)
    return [Colouring(name=spec.class_names[0], values=mean, unit="mean of the image")]


_OF_LABELS: dict[LabelKind, Callable[[np.ndarray, DatasetSpec], list[Colouring]]] = {
    LabelKind.SINGLE_LABEL: _single_label,
    LabelKind.MULTI_LABEL: _multi_label,
    LabelKind.REGRESSION: _regression,
    LabelKind.SEGMENTATION: _segmentation,
    LabelKind.PIXEL_REGRESSION: _pixel_regression,
}
