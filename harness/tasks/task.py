"""A kind of labels, and what follows from it alone: how they are read, judged and learned."""

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from harness.records.labels import LabelKind
from harness.tasks.scoring import Evidence, Scoring

if TYPE_CHECKING:  # whoever only reads labels must not wait for torch
    from torch import Tensor


class Layout(NamedTuple):
    """How the labels of a whole dataset are held."""

    dtype: type[np.generic]
    shape: tuple[int, ...]


class Task(Scoring[Evidence]):
    """One kind of labels. `n_classes` is the number of classes, or of numbers that are predicted of an image."""

    kind: ClassVar[LabelKind]
    fewest_classes: ClassVar[int] = 1
    """With fewer there is nothing to predict."""
    per_pixel: ClassVar[bool] = False
    """Whether a label has the height and width of its image."""
    no_shots: ClassVar[str | None] = None
    """Why samples cannot be drawn class by class; None: they can."""

    @abstractmethod
    def parse(self, raw: Any, n_classes: int, where: str) -> np.ndarray:
        """A label as its file has it -> as it is held. UserError: it is another thing, or out of range."""

    @abstractmethod
    def layout(self, n_samples: int, size_px: tuple[int, ...], n_classes: int) -> Layout:
        """How labels are held of so many samples, whose images are (height, width) pixels."""

    @abstractmethod
    def in_range(self, labels: np.ndarray, n_classes: int) -> bool:
        """Whether labels of this layout have no value that `parse` would refuse."""

    @abstractmethod
    def check_learnable(self, labels: np.ndarray, protocol: str) -> None:
        """UserError, naming the protocol: train's labels leave nothing to learn, as one prediction fits them all."""

    def absent_classes(self, labels: np.ndarray, n_classes: int) -> list[int]:
        """Classes of which train has no example; none where labels are numbers."""
        return []

    def numbers(self, labels: np.ndarray) -> np.ndarray | None:
        """The (p, K) known numbers that labels are, in whose units a network learns; None: labels are no numbers."""
        return None

    @abstractmethod
    def loss_sum(self, outputs: "Tensor", labels: "Tensor", smoothing: float) -> "Tensor":
        """The loss summed over all that `count_terms` counts, so that a batch may be summed part by part.

        Args:
            outputs: (B, K) float32 of a network, or (B, K, H, W).
            labels: as they are held; numbers in the scale in which the network predicts them.
            smoothing: of classes: mass spread over all of them; multi-label: targets are s and 1 - s. Numbers: none.
        """

    @abstractmethod
    def count_terms(self, labels: np.ndarray) -> int:
        """What the loss of a whole batch is averaged over."""

    @abstractmethod
    def predictions(self, outputs: "Tensor") -> np.ndarray:
        """What a protocol returns (`Outcome.valid_scores`), from outputs of a network."""


def describe(raw: Any) -> str:
    """What was found in place of a label, for a message."""
    if raw is None:
        return "missing"
    if isinstance(raw, np.ndarray):
        return f"an array of shape {raw.shape} and type {raw.dtype}"
    if isinstance(raw, (list, tuple)):
        return f"a {type(raw).__name__} of {len(raw)} values"
    return f"a {type(raw).__name__}"


def as_vector(raw: Any) -> list[Any] | None:
    """The values of a list, a tuple or an array of one dimension; None: it is another thing."""
    return list(raw) if isinstance(raw, (list, tuple)) or (isinstance(raw, np.ndarray) and raw.ndim == 1) else None
