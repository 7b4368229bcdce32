"""Kinds of labels, one file each: how they are read, judged, stored and learned. To add one: a file, a line in `TASKS`.

A kind also wants a member of `LabelKind`, and protocols that take it.
"""

from typing import Any

import numpy as np

from harness.records.labels import LabelKind
from harness.tasks.areas import Areas
from harness.tasks.multi_label import MultiLabel
from harness.tasks.pixel_regression import PixelRegression
from harness.tasks.regression import Regression
from harness.tasks.segmentation import Segmentation
from harness.tasks.single_label import SingleLabel
from harness.tasks.task import Task

TASKS: dict[LabelKind, Task[Any]] = {
    LabelKind.SINGLE_LABEL: SingleLabel(),
    LabelKind.MULTI_LABEL: MultiLabel(),
    LabelKind.SEGMENTATION: Segmentation(),
    LabelKind.REGRESSION: Regression(),
    LabelKind.PIXEL_REGRESSION: PixelRegression(),
}

AREAS = Areas()
"""What a protocol predicts of masks that works on whole images: no kind of label, but judged like one."""


def parse_label(raw: Any, kind: LabelKind, n_classes: int, where: str) -> np.ndarray:
    """A label as an array.

    Args:
        raw: the label as its file has it: a class index, a number, a vector (list or array) or an array of pixels.
        kind: which of these is wanted.
        n_classes: classes the dataset has, or numbers a label has.
        where: begins each message.
    Returns:
        What the file of its kind says.
    Raises:
        UserError: the label is another thing, or out of range.
    """
    return TASKS[kind].parse(raw, n_classes, where)


def are_labels(labels: np.ndarray, n_samples: int, size_px: tuple[int, ...], kind: LabelKind, n_classes: int) -> bool:
    """Whether an array holds what `parse_label` returns, of all samples of a dataset.

    Args:
        size_px: (height, width) of its images.
    """
    task = TASKS[kind]
    layout = task.layout(n_samples, size_px, n_classes)
    return labels.dtype == layout.dtype and labels.shape == layout.shape and task.in_range(labels, n_classes)
