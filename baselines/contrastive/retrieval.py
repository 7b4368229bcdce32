"""Retrieval from one embedding to another: the rank of an image's true partner among all of them.

Similarity is the product of vectors, which of unit vectors is the cosine.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

MOST_SIMILARITIES = 2**24
"""Similarities held at a time: 64 MB, however many images there are."""
TIE = 1e-6
"""Similarities nearer than this are ties: float32 does not tell them apart."""
RECALLS = (1, 5, 10)


@torch.no_grad()
def retrieval_ranks(
    queries: Tensor, gallery: Tensor, places: Tensor | None = None, same_place_km: float = 0.0
) -> Tensor:
    """Rank of each query's true partner, 1 = first, as (N,) float64 on the CPU.

    Ties count half: a partner that has the similarity of two others has the mean of the ranks of all three. So an
    embedding that maps everything to one vector has (n + 1) / 2 everywhere, and a recall of 0.
    Other images of the query's own place are ignored, so that a rank is among places that can be told apart.

    Args:
        queries: (N, E) float32 vectors.
        gallery: (N, E) float32 vectors; the true partner of query i is row i.
        places: (N, 3) float64 km (`mp_mae.data.places.positions_km`), NaN = not known; None: all are places of their
            own. A place that is not known is that of no other image.
        same_place_km: images not farther apart than this are of one place.
    """
    step = max(MOST_SIMILARITIES // max(len(gallery), 1), 1)
    ranks = [_ranks(queries[at : at + step], gallery, at, places, same_place_km) for at in range(0, len(queries), step)]
    return torch.cat(ranks) if ranks else torch.empty(0, dtype=torch.float64)


def _ranks(queries: Tensor, gallery: Tensor, first: int, places: Tensor | None, same_place_km: float) -> Tensor:
    """Ranks of queries whose partners are the gallery's rows from `first` on."""
    rows = torch.arange(len(queries), device=queries.device)
    similarity = queries @ gallery.T  # (n, N)
    own = similarity[rows, rows + first][:, None]
    counted = torch.ones_like(similarity, dtype=torch.bool)
    if places is not None:
        counted &= ~same_places(places[first : first + len(queries)], places, same_place_km)
    counted[rows, rows + first] = False
    above = (similarity > own + TIE) & counted
    tied = ((similarity - own).abs() <= TIE) & counted
    return 1 + above.sum(1).cpu().double() + tied.sum(1).cpu().double() / 2


def same_places(some: Tensor, others: Tensor, km: float) -> Tensor:
    """Which positions are not farther apart than `km`: (n, 3) and (N, 3) km -> (n, N) bool; not known: False."""
    distance = torch.cdist(some, others, compute_mode="donot_use_mm_for_euclid_dist")
    return distance <= km


def recalls(ranks: Tensor) -> Mapping[str, float]:
    """Recall at 1, 5 and 10 (fractions) and the median rank of (N,) ranks, by name.

    Chance is k / n for the recalls and (n + 1) / 2 for the median rank, of n places in the gallery.
    """
    found = {f"recall@{k}": float((ranks <= k).double().mean()) for k in RECALLS}
    return {**found, "median rank": float(ranks.quantile(0.5))}
