"""Vectors of images in the shared space, by modality, and what follows from them by arithmetic alone."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from baselines.contrastive.embeddings import average
from harness.multimodal.questions import Channels, Seen


@dataclass(frozen=True, eq=False, kw_only=True)
class SharedVectors:
    """Unit vectors of n images: as each tower sees them, and as it sees them without each of its channels."""

    channels: Channels
    table: np.ndarray
    """(n, S, E) float32 in the order of `columns`; zeros where an image lacks the modality."""

    def of(self, rows: np.ndarray) -> "SharedVectors":
        """Some images, by (m,) places or a mask."""
        return SharedVectors(channels=self.channels, table=self.table[rows])

    def alone(self, modality: str, missing_channel: str | None = None) -> np.ndarray:
        """(n, E) float32 of one modality, with every channel or without one."""
        at = list(columns(self.channels)).index((modality, missing_channel))
        vectors: np.ndarray = self.table[:, at]
        return vectors

    def average(self, seen: Seen) -> np.ndarray:
        """(n, E) float32 mean direction of the modalities that are seen and there; zeros of an image without any."""
        lacks = {seen.channel_of: seen.missing_channel}
        parts = {one: torch.from_numpy(self.alone(one, lacks.get(one))) for one in seen.modalities}
        averaged: np.ndarray = average(parts, {one: part.any(dim=1) for one, part in parts.items()}).numpy()
        return averaged

    def complete(self) -> np.ndarray:
        """(n,) bool: the images that have every modality."""
        there = [self.alone(modality).any(axis=1) for modality in self.channels]
        complete: np.ndarray = np.all(there, axis=0)
        return complete


def columns(channels: Channels) -> Iterator[tuple[str, str | None]]:
    """What `SharedVectors.table` holds: each modality with everything (None), then without each of its channels.

    A modality of one channel has nothing without it.
    """
    for modality, of_modality in channels.items():
        yield modality, None
        if len(of_modality) > 1:
            yield from ((modality, channel) for channel in of_modality)
