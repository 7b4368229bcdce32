"""The loss of one label kind, as a sum, and what to divide it by: so that a batch may be summed part by part."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from harness.records.labels import IGNORED, LabelKind


def loss_sum(logits: Tensor, labels: Tensor, kind: LabelKind, smoothing: float) -> Tensor:
    """Cross-entropy summed over all that `count_terms` counts.

    Args:
        logits: (B, K) float32, of masks (B, K, H, W).
        labels: (B,) int64 class indices, (B, K) uint8 of 0 and 1, or (B, H, W) uint8 where `IGNORED` counts nothing.
        smoothing: single-label and masks: mass spread over all classes; multi-label: targets are s and 1 - s.
    """
    if kind is LabelKind.MULTI_LABEL:
        targets = labels.float() * (1.0 - 2.0 * smoothing) + smoothing
        return F.binary_cross_entropy_with_logits(logits, targets, reduction="sum")
    return F.cross_entropy(logits, labels.long(), ignore_index=IGNORED, label_smoothing=smoothing, reduction="sum")


def count_terms(labels: np.ndarray, kind: LabelKind) -> int:
    """What the loss of a whole batch is averaged over: samples, samples times labels, or labelled pixels."""
    match kind:
        case LabelKind.SINGLE_LABEL:
            return len(labels)
        case LabelKind.MULTI_LABEL:
            return labels.size
        case LabelKind.SEGMENTATION:
            return int((labels != IGNORED).sum())


def probabilities(logits: Tensor, kind: LabelKind) -> np.ndarray:
    """What protocols return: (B, K) float64 probabilities, or of masks (B, H, W) uint8 likeliest classes."""
    match kind:
        case LabelKind.SINGLE_LABEL:
            return logits.double().softmax(dim=1).cpu().numpy()
        case LabelKind.MULTI_LABEL:
            return logits.double().sigmoid().cpu().numpy()
        case LabelKind.SEGMENTATION:
            return logits.argmax(dim=1).to(torch.uint8).cpu().numpy()
