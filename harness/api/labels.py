"""Which kind of labels an array is, by its type and shape."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from harness.errors import UserError
from harness.records.labels import IGNORED, LabelKind
from harness.records.measured import is_measured
from harness.tasks import TASKS

_WANTED = (
    "(N,) or (N, H, W) classes (integers; of images also texts), (N, K) of 0 and 1, or (N,), (N, K) or (N, H, W) "
    "numbers (floating point)"
)
_NUMBERS = (LabelKind.REGRESSION, LabelKind.PIXEL_REGRESSION)


class Labels(NamedTuple):
    """Labels as a dataset stores them."""

    kind: LabelKind
    values: np.ndarray
    """Classes as indices into `class_names`."""
    class_names: tuple[str, ...]
    """Or of the numbers that are predicted."""


def read_labels(y: Any, pixels: tuple[int, ...], class_names: Sequence[str] | None, ignore: Sequence[int]) -> Labels:
    """Labels of N images.

    Args:
        pixels: (N, C, H, W), the shape of the images.
        class_names: None: what `y` itself says.
        ignore: values of masks that stand for no label. Of numbers of pixels it is NaN, and what nobody can have
            measured.
    Raises:
        UserError: no kind of label looks like that, or there is not one an image.
    """
    values = np.asarray(y)
    kind = _kind(values, pixels)
    if kind is None:
        raise UserError(
            f"y: one label for each of the {pixels[0]} images is wanted, {_WANTED}; found {values.dtype} {values.shape}"
        )
    if kind in (LabelKind.SINGLE_LABEL, LabelKind.SEGMENTATION):
        labelled = np.ones(values.shape, bool) if kind is LabelKind.SINGLE_LABEL else ~np.isin(values, ignore)
        values, names = _as_indices(values, labelled, class_names)
    else:
        names = tuple(class_names or map(str, range(values.shape[1] if values.ndim == 2 else 1)))
        values = np.where(is_measured(values), values, np.nan) if kind is LabelKind.PIXEL_REGRESSION else values
    task, n_images = TASKS[kind], len(values)
    if len(names) < task.fewest_classes:
        raise UserError(f"y: a single class ({', '.join(names)}) leaves nothing to predict")
    layout = task.layout(n_images, pixels[2:], len(names))
    held = values.astype(layout.dtype).reshape(n_images, *values.shape[1:] or layout.shape[1:])
    if held.shape != layout.shape or not np.array_equal(held, values.reshape(held.shape), equal_nan=kind in _NUMBERS):
        raise UserError(f"y: {kind} labels with {len(names)} names are wanted as {layout.shape}, found {values.shape}")
    if not task.in_range(held, len(names)):
        raise UserError(f"y: has values that no {kind} label of {len(names)} classes or numbers can have")
    return Labels(kind, held, tuple(map(str, names)))


def _kind(y: np.ndarray, pixels: tuple[int, ...]) -> LabelKind | None:
    n, _, height, width = pixels
    if y.ndim == 0 or len(y) != n or y.dtype.kind not in "biufUS":
        return None
    of_classes, of_numbers = {
        (n,): (LabelKind.SINGLE_LABEL, LabelKind.REGRESSION),
        (n, height, width): (LabelKind.SEGMENTATION, LabelKind.PIXEL_REGRESSION),
    }.get(y.shape, (LabelKind.MULTI_LABEL, LabelKind.REGRESSION) if y.ndim == 2 else (None, None))
    return of_numbers if y.dtype.kind == "f" else of_classes


def _as_indices(
    values: np.ndarray, labelled: np.ndarray, class_names: Sequence[str] | None
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Classes numbered from 0: as they are where they have names, else in their order, called what they were called."""
    texts = values.dtype.kind in "US"
    if class_names is not None and not texts:
        return np.where(labelled, values, IGNORED) if values.ndim > 1 else values, tuple(class_names)
    names = np.unique(values[labelled]) if class_names is None else np.array(class_names)
    if foreign := sorted(set(values[labelled].ravel().tolist()) - set(names.tolist())):
        raise UserError(f"y: {foreign[0]} is none of class_names: {', '.join(names.tolist())}")
    order = np.argsort(names)
    numbered = np.full(values.shape, IGNORED, np.int64)
    numbered[labelled] = order[np.searchsorted(names[order], values[labelled])]
    return numbered, tuple(map(str, names.tolist()))
