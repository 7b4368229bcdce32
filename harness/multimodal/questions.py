"""What is asked: which modalities images are embedded from, which channel of one of them is missing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

Channels = Mapping[str, tuple[str, ...]]
"""The modalities that a dataset has of a model, in the model's order; of each the channels by name."""


@dataclass(frozen=True)
class Seen:
    """What images are embedded from."""

    modalities: tuple[str, ...]
    channel_of: str | None = None
    """The modality that lacks a channel; None: none does."""
    missing_channel: str | None = None


def subsets(modalities: Sequence[str]) -> list[tuple[str, ...]]:
    """The 2^M - 1 subsets of M modalities that have any, the largest first, each in the order given."""
    sizes = range(len(modalities), 0, -1)
    return [subset for size in sizes for subset in combinations(modalities, size)]


def every_seen(channels: Channels, but: str | None = None) -> Iterator[Seen]:
    """Everything first; then the other subsets of modalities, each followed by itself without each channel it has.

    A modality of one channel is missing without it, which is a subset already.

    Args:
        but: a modality that is in none of them.
    """
    for subset in subsets([modality for modality in channels if modality != but]):
        yield Seen(subset)
        for modality in subset:
            if len(channels[modality]) > 1:
                yield from (Seen(subset, modality, channel) for channel in channels[modality])
