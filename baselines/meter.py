"""What entered a network, measured from the very tensor: so that a setting which does nothing cannot pass for one."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Any

import torch
from torch import Tensor, nn

from baselines.contract import Backbone


@dataclass(frozen=True, kw_only=True)
class NetworkInput:
    """Statistics of every value that entered, padding included."""

    images: int
    size_px: tuple[int, int]
    """(height, width) of the tensor."""
    mean: tuple[float, ...]
    """Per band of the backbone, to six digits."""
    std: tuple[float, ...]

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> "NetworkInput":
        """The inverse of `dataclasses.asdict` and JSON. ValueError, TypeError or KeyError if it is something else."""
        height, width = map(int, fields["size_px"])
        mean, std = tuple(map(float, fields["mean"])), tuple(map(float, fields["std"]))
        if len(mean) != len(std):
            raise ValueError(f"{len(mean)} means and {len(std)} standard deviations")
        return cls(images=int(fields["images"]), size_px=(height, width), mean=mean, std=std)


_MERGING = Lock()
"""One for all meters, which are so short of work that none waits: a meter without its own can go to another process."""


class InputMeter:
    """Adds up batches; sums are in double precision."""

    def __init__(self) -> None:
        self._images = 0
        self._size_px = (0, 0)
        self._mean = torch.zeros(0, dtype=torch.float64)
        self._squares = torch.zeros(0, dtype=torch.float64)
        """Per band, sum over pixels of the squared distance from the mean."""
        self._origin: Tensor | None = None
        """(C, 1) float32 near the mean, from where values are squared: far from it they would lose their digits. Like
        all that a meter keeps it is on the CPU, so that a meter can go to a process with another device."""

    def add(self, x: Tensor) -> None:
        """(B, C, H, W) float32; all batches have one C, H, W. Threads may add at once after the first."""
        height, width = x.shape[-2:]
        flat = x.flatten(2)
        if self._origin is None:
            self._origin = flat[0].mean(-1, keepdim=True).cpu()
        flat = flat - self._origin.to(flat.device)
        # Image by image in single precision, which is exact enough for so few values and ten times as fast as var_mean
        # on a CPU; all beyond in double.
        sums = flat.sum(-1).cpu().double()  # (B, C)
        norms = torch.linalg.vector_norm(flat, dim=-1).cpu().double()
        n_values = len(x) * height * width
        apart = sums.sum(0) / n_values
        squares = (norms.square().sum(0) - n_values * apart.square()).clamp(min=0)
        with _MERGING:
            self._merge(len(x), (height, width), self._origin[:, 0].double() + apart, squares)

    def merge(self, other: "InputMeter") -> None:
        """What another meter saw of the same dataset."""
        if other._images:
            self._merge(other._images, other._size_px, other._mean, other._squares)

    def _merge(self, images: int, size_px: tuple[int, int], mean: Tensor, squares: Tensor) -> None:
        """Chan, Golub and LeVeque, Updating Formulae and a Pairwise Algorithm for Computing Sample Variances, 1979."""
        if not self._images:
            self._images, self._size_px, self._mean, self._squares = images, size_px, mean, squares
            return
        assert size_px == self._size_px, "all images of a dataset enter at one size"
        total = self._images + images
        apart = mean - self._mean
        n_pixels = size_px[0] * size_px[1]
        self._squares = self._squares + squares + apart.square() * (self._images * images / total * n_pixels)
        self._mean = self._mean + apart * (images / total)
        self._images = total

    def result(self) -> NetworkInput:
        """The statistics of all that was added, which must be something."""
        assert self._images, "nothing has entered yet"
        n_values = self._images * self._size_px[0] * self._size_px[1]
        return NetworkInput(
            images=self._images,
            size_px=self._size_px,
            mean=_six_digits(self._mean),
            std=_six_digits((self._squares / n_values).sqrt()),
        )

    @contextmanager
    def watching(self, backbone: Backbone) -> Iterator[None]:
        """Add whatever enters the backbone's network meanwhile."""

        def hook(module: nn.Module, arguments: tuple[Tensor, ...]) -> None:
            self.add(arguments[0])

        handle = backbone.entrance.register_forward_pre_hook(hook)
        try:
            yield
        finally:
            handle.remove()


def _six_digits(values: Tensor) -> tuple[float, ...]:
    """Beyond them, numbers depend on how images were cut into batches."""
    return tuple(float(f"{value:.6g}") for value in values.tolist())
