"""One number a pixel, held as (N, H, W) float32 in which NaN has no label."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.errors import UserError
from harness.metrics.regression import Errors, pixel_errors
from harness.records.labels import LabelKind
from harness.records.measured import LARGEST, is_measured
from harness.tasks.numbers import ScoredNumbers
from harness.tasks.scoring import Rows
from harness.tasks.task import Layout, Task, describe
from leaderboards.schema import ErrorSumsRow

if TYPE_CHECKING:
    from torch import Tensor


class PixelRegression(ScoredNumbers, Task[Errors]):
    """One number a pixel. Everything follows from the sums of errors of a split's images."""

    kind = LabelKind.PIXEL_REGRESSION
    per_pixel = True
    no_shots = "--shots of pixels' numbers: they have no classes to be drawn by. Use --budgets"

    def parse(self, raw: Any, n_classes: int, where: str) -> np.ndarray:
        """Returns (H, W) float32. A pixel has no label (NaN) that is masked (`numpy.ma`), or has what nobody can have
        measured."""
        if not isinstance(raw, np.ndarray) or raw.ndim != 2 or raw.dtype.kind not in "iuf":
            raise UserError(f"{where}: its label is {describe(raw)}; numbers in two dimensions are wanted")
        values = np.ma.filled(raw.astype(np.float64), np.nan)
        return np.where(is_measured(values), values, np.nan).astype(np.float32)

    def layout(self, n_samples: int, size_px: tuple[int, ...], n_classes: int) -> Layout:
        return Layout(np.float32, (n_samples, *size_px))

    def in_range(self, labels: np.ndarray, n_classes: int) -> bool:
        return not any((np.abs(label) > LARGEST).any() for label in labels)  # image by image

    def weigh(self, targets: np.ndarray, scores: np.ndarray, n_classes: int) -> Errors:
        return pixel_errors(targets, scores)

    def keep(self, samples: Sequence[str], targets: np.ndarray, scores: np.ndarray, evidence: Errors) -> Rows:
        return Rows(error_sums=[_sums_row(sample, evidence, image) for image, sample in enumerate(samples)])

    def check_learnable(self, labels: np.ndarray, protocol: str) -> None:
        known = labels[~np.isnan(labels)]
        if not known.size or np.ptp(known) == 0:
            what = f"only the value {known[0]}" if known.size else "no labelled pixel"
            raise UserError(
                f"train has {what} ({len(labels)} samples); {protocol} needs at least two values: use a larger "
                "partition"
            )

    def numbers(self, labels: np.ndarray) -> np.ndarray:
        """(p, 1) float64, of labelled pixels."""
        return labels[~np.isnan(labels)].astype(np.float64)[:, None]

    def loss_sum(self, outputs: "Tensor", labels: "Tensor", smoothing: float) -> "Tensor":
        """Squared error of labelled pixels."""
        labelled = ~labels.isnan()
        return (outputs[:, 0][labelled] - labels[labelled]).square().sum()

    def count_terms(self, labels: np.ndarray) -> int:
        """Labelled pixels."""
        return int(np.count_nonzero(~np.isnan(labels)))

    def predictions(self, outputs: "Tensor") -> np.ndarray:
        """(B, H, W) float32, in the scale of the outputs."""
        return outputs[:, 0].float().cpu().numpy()


def _sums_row(sample: str, errors: Errors, image: int) -> ErrorSumsRow:
    """Sums of one image, of its targets about 0 instead of about the split's mean."""
    count, deviation = float(errors.count[image, 0]), float(errors.deviation[image, 0])
    centre = float(errors.centre[0]) if count else 0.0
    return ErrorSumsRow(
        split="test",
        sample=sample,
        n_pixels=int(count),
        sum_target=deviation + count * centre,
        sum_squared_target=float(errors.squared_deviation[image, 0]) + 2 * centre * deviation + count * centre**2,
        sum_error=float(errors.error[image, 0]),
        sum_squared_error=float(errors.squared_error[image, 0]),
        sum_absolute_error=float(errors.absolute_error[image, 0]),
    )
