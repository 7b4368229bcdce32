"""The loss: of any two modalities of a tile, each is to find the other among those of all tiles (InfoNCE).

Oord et al., 2018 (arXiv:1807.03748); symmetric and with a learnt temperature as CLIP's (Radford et al., 2021,
arXiv:2103.00020).
"""

from typing import NamedTuple

import torch
from torch import Tensor


class PairLosses(NamedTuple):
    """One entry a pair of modalities, in the order of `pairs`."""

    means: Tensor
    """(P,) mean over the tiles that have both; 0 where none has."""
    counts: Tensor
    """(P,) int64 tiles that have both."""


def pairs(n: int) -> list[tuple[int, int]]:
    """Every two of n, once."""
    return [(a, b) for a in range(n) for b in range(a + 1, n)]


def pair_losses(vectors: Tensor, there: Tensor, same_place: Tensor, scale: Tensor) -> PairLosses:
    """Cross-entropy of finding one modality by another, the mean of both ways, for every pair of modalities.

    A tile that lacks one of the two takes no part in the pair, neither to be found nor to be taken for another.
    Memory is that of some (N, N) matrices.

    Args:
        vectors: (N, M, E) unit vectors of N tiles in M modalities; any finite numbers where one is missing.
        there: (N, M) bool, whether the tile has the modality.
        same_place: (N, N) bool, tiles that are not told apart; the diagonal does not matter.
        scale: scalar, factor of similarities.
    """
    itself = torch.eye(len(vectors), dtype=torch.bool, device=vectors.device)
    means, counts = [], []
    for a, b in pairs(vectors.shape[1]):
        both = there[:, a] & there[:, b]
        similarity = scale * vectors[:, a] @ vectors[:, b].T
        hidden = ~itself & (same_place | ~both)  # (N, N): rows are given, columns may be taken for the partner
        forth = similarity.masked_fill(hidden, -torch.inf).logsumexp(1)
        back = similarity.T.masked_fill(hidden, -torch.inf).logsumexp(1)
        losses = (forth + back) / 2 - similarity.diagonal()
        n = both.sum()
        means.append(torch.where(both, losses, 0).sum() / n.clamp(min=1))
        counts.append(n)
    return PairLosses(torch.stack(means), torch.stack(counts))
