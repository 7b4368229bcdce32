"""What protocols get. Test labels are never among it, so no choice can depend on them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

from harness.records.labels import LabelKind, Split
from harness.records.progress import Progress
from harness.records.run import Selection

if TYPE_CHECKING:  # the command line imports this file and must not wait for torch
    from baselines.contract import Backbone
    from baselines.inputs import Preparation
    from baselines.meter import NetworkInput


class Labelled(Protocol):
    """What a protocol knows of the labels it works on."""

    @property
    def label_kind(self) -> LabelKind: ...

    @property
    def n_classes(self) -> int: ...

    @property
    def selection(self) -> Selection:
        """What the protocol has to choose its hyper-parameters, or the state of its network, by."""
        ...


class Trainable(Labelled, Protocol):
    """What a protocol gets besides that trains a network, and reads its input image by image."""

    @property
    def device(self) -> str:
        """Torch device to train on."""
        ...

    @property
    def progress(self) -> Progress: ...

    def n_images(self, split: Split) -> int: ...


class Material(Labelled, Protocol):
    """What a protocol gets that works on the features of images."""

    def features(self, split: Split) -> np.ndarray:
        """(n, D) float32 embeddings of a split, in partition order."""
        ...

    def labels(self, split: Literal["train", "valid"]) -> np.ndarray:
        """(n,) int64 class indices, (n, K) uint8 0/1 vectors for multi-label, or (n, K) float64 numbers."""
        ...

    def valid_score(self, scores: np.ndarray) -> float:
        """How good (n_valid, K) predictions of valid are: `score` of them."""
        ...

    def score(self, labels: np.ndarray, scores: np.ndarray) -> float:
        """How good (n, K) class probabilities or numbers are, by the headline metric: the larger the better, so it is
        the negative of an error; undefined counts as minus infinity."""
        ...


class PixelMaterial(Trainable, Protocol):
    """What a protocol gets where labels are of pixels. Those of test are not among it."""

    @property
    def strides(self) -> tuple[int, ...]:
        """Pixels of the image as it was embedded per cell of each level of the feature pyramid, finest first."""
        ...

    @property
    def size_px(self) -> tuple[int, int]:
        """(height, width) of every mask."""
        ...

    @property
    def fed_px(self) -> tuple[int, int]:
        """(height, width) of every image as it was embedded: as its mask, unless it was resampled."""
        ...

    def maps(self, split: Split, image: int) -> Sequence[np.ndarray]:
        """Per level the (h_i, w_i, D_i) float16 map of one image of a split, float32 where test has other bands; it may
        reach beyond the mask's border."""
        ...

    def labels(self, split: Literal["train", "valid"]) -> np.ndarray:
        """(n, H, W) uint8 class indices, where `IGNORED` has no label, or float32 numbers, where NaN has none."""
        ...

    def pixel_score(self, targets: np.ndarray, predicted: np.ndarray) -> float:
        """How good predictions of (p,) pixels are, taken as one image: as `Material.score`."""
        ...


class AreaMaterial(Protocol):
    """What a protocol gets that predicts how much of an image each class covers. Test masks are not among it."""

    @property
    def n_unlabelled(self) -> int:
        """Train images that are left out because no pixel of their masks has a label."""
        ...

    def features(self, split: Split) -> np.ndarray:
        """(n, D) float32 embeddings of a split, in partition order."""
        ...

    def labels(self, split: Literal["train", "valid"]) -> np.ndarray:
        """(n, K) float64 fractions of an image's labelled pixels; NaN in a valid image that has none."""
        ...

    def score(self, labels: np.ndarray, areas: np.ndarray) -> float:
        """How good (n, K) predicted fractions are: as `Material.score`."""
        ...


class ImageMaterial(Trainable, Protocol):
    """What a protocol gets that trains the backbone itself. Test labels are not among it."""

    def backbone(self) -> "Backbone":
        """As it was pretrained: the caller's own copy, on the CPU."""
        ...

    def preparation(self, split: Split) -> "Preparation":
        """What the backbone is called with on images of a split: the same on train and valid."""
        ...

    @property
    def size_px(self) -> tuple[int, int]:
        """(height, width) of every image as stored, and mask."""
        ...

    def pixels(self, split: Split, images: "slice | np.ndarray") -> np.ndarray:
        """(B, C, H, W) float32 of images of a split as stored, bands as `preparation` has them; the caller's own."""
        ...

    def check_entered(self, entered: "NetworkInput") -> None:
        """Raise UserError if what was measured entering the backbone are numbers that no sensor gives."""
        ...

    def labels(self, split: Literal["train", "valid"]) -> np.ndarray:
        """As `harness.tasks` holds them: of each image one value, a vector, or a value a pixel."""
        ...

    def score(self, labels: np.ndarray, scores: np.ndarray) -> float:
        """How good predictions are (`Outcome.valid_scores`): as `Material.score`."""
        ...
