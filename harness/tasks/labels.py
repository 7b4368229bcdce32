"""A sample's label, checked against what the dataset says its labels are."""

from typing import Any

import numpy as np

from harness.errors import UserError
from harness.records.labels import IGNORED, LabelKind

_STORED_AS_IGNORED = (-1, 255)
"""How masks in the wild mark such pixels."""
_SHOWN_BITS = 1_000
"""Of an integer that floating point can hold, and a message."""


def parse_label(raw: Any, kind: LabelKind, n_classes: int, where: str) -> np.ndarray:
    """A label as an array.

    Args:
        raw: the label as its file has it: a class index, a vector of 0 and 1 (list or array), or a mask.
        kind: which of these is wanted.
        n_classes: classes the dataset has.
        where: begins each message.
    Returns:
        () int64 class index, (K,) uint8 of 0 and 1, or (H, W) uint8 mask of class indices where `IGNORED` has no label.
    Raises:
        UserError: the label is another thing, or out of range.
    """
    match kind:
        case LabelKind.SINGLE_LABEL:
            return _parse_index(raw, n_classes, where)
        case LabelKind.MULTI_LABEL:
            return _parse_vector(raw, n_classes, where)
        case LabelKind.SEGMENTATION:
            return _parse_mask(raw, n_classes, where)


def are_labels(labels: np.ndarray, n_samples: int, size_px: tuple[int, ...], kind: LabelKind, n_classes: int) -> bool:
    """Whether an array holds what `parse_label` returns, of all samples of a dataset.

    Args:
        size_px: (height, width) of its images.
    """
    dtype, shape = {
        LabelKind.SINGLE_LABEL: (np.int64, (n_samples,)),
        LabelKind.MULTI_LABEL: (np.uint8, (n_samples, n_classes)),
        LabelKind.SEGMENTATION: (np.uint8, (n_samples, *size_px)),
    }[kind]
    if labels.dtype != dtype or labels.shape != shape:
        return False
    if kind is LabelKind.SEGMENTATION:  # image by image; one more makes 0 of 255, which is `IGNORED`
        return all((mask + np.uint8(1)).max() <= n_classes for mask in labels)
    return bool(labels.min() >= 0 and labels.max() < (n_classes if labels.ndim == 1 else 2))


def _parse_index(raw: Any, n_classes: int, where: str) -> np.ndarray:
    if type(raw) is not int:
        raise UserError(f"{where}: its label is {_describe(raw)}; a class index of 0 to {n_classes - 1} is wanted")
    if not 0 <= raw < n_classes:
        shown = f"{raw:.6g}" if raw.bit_length() <= _SHOWN_BITS else f"of {raw.bit_length()} bits"
        raise UserError(f"{where}: its label {shown} is none of the classes 0 to {n_classes - 1} of task_specs.pkl")
    return np.array(raw, np.int64)


def _parse_vector(raw: Any, n_classes: int, where: str) -> np.ndarray:
    values = list(raw) if isinstance(raw, (list, tuple)) or (isinstance(raw, np.ndarray) and raw.ndim == 1) else None
    if values is None or len(values) != n_classes:
        raise UserError(f"{where}: its label is {_describe(raw)}; {n_classes} values of 0 or 1 are wanted")
    if not all(isinstance(value, (int, float, np.number, np.bool_)) and value in (0, 1) for value in values):
        raise UserError(f"{where}: its label has values other than 0 and 1")
    return np.array(values, np.uint8)


def _parse_mask(raw: Any, n_classes: int, where: str) -> np.ndarray:
    if not isinstance(raw, np.ndarray) or raw.ndim != 2 or raw.dtype.kind not in "iuf":
        raise UserError(f"{where}: its label is {_describe(raw)}; a mask of two dimensions is wanted")
    if n_classes > IGNORED:
        raise UserError(f"{where}: masks of {n_classes} classes; at most {IGNORED} can be held")
    ignored = np.isin(raw, _STORED_AS_IGNORED)
    wrong = ~ignored & ~((raw >= 0) & (raw < n_classes) & (raw == np.floor(raw)))
    if wrong.any():
        raise UserError(
            f"{where}: its mask has the value {raw[wrong][0]}; classes are 0 to {n_classes - 1}, and "
            f"{' or '.join(map(str, _STORED_AS_IGNORED))} where a pixel has no label"
        )
    return np.where(ignored, IGNORED, raw).astype(np.uint8)


def _describe(raw: Any) -> str:
    if raw is None:
        return "missing"
    if isinstance(raw, np.ndarray):
        return f"an array of shape {raw.shape} and type {raw.dtype}"
    if isinstance(raw, (list, tuple)):
        return f"a {type(raw).__name__} of {len(raw)} values"
    return f"a {type(raw).__name__}"
