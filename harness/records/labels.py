"""What labels and splits are called, and how a pixel without a label is told."""

from enum import StrEnum
from typing import Literal

import numpy as np

Split = Literal["train", "valid", "test"]
ScoredSplit = Literal["valid", "test"]

IGNORED = 255
"""Value of a mask's pixels that have no label, in every mask we hand out."""
UNLABELLED = (-1, IGNORED)
"""What stands for it in files, unless their owner says otherwise."""


class LabelKind(StrEnum):
    """What a dataset's label is. The value is what users see and what rows store."""

    SINGLE_LABEL = "single_label"
    MULTI_LABEL = "multi_label"
    SEGMENTATION = "segmentation"
    REGRESSION = "regression"
    """One or several numbers an image."""
    PIXEL_REGRESSION = "pixel_regression"
    """One number a pixel."""


def is_labelled(pixels: np.ndarray) -> np.ndarray:
    """Which pixels have a label: of classes (uint8) all but `IGNORED`, of numbers (floating point) all but NaN."""
    return ~np.isnan(pixels) if pixels.dtype.kind == "f" else pixels != IGNORED
