"""Retrieval between modalities: does what one shows of an image find what another shows of the same."""

from collections.abc import Iterator, Mapping

import numpy as np
import torch

from baselines.contrastive.retrieval import RECALLS, retrieval_ranks, same_places
from harness.multimodal.answers import Answer, Asked, answer, image_weights
from harness.multimodal.questions import Channels, Seen, every_seen
from harness.multimodal.vectors import SharedVectors
from mp_mae.data.places import positions_km

MEDIAN_RANK = "median_rank"
_MOST_AT_ONCE = 2**24
"""Pairs of images that are looked at together."""


def retrieval_questions(channels: Channels) -> list[Asked]:
    """Each modality as the gallery; queries from each subset of the others, with every channel and without each."""
    return [
        asked for gallery in channels for seen in every_seen(channels, but=gallery) for asked in _asked(seen, gallery)
    ]


def answer_retrieval(
    vectors: SharedVectors, places: np.ndarray | None, same_place_km: float, seed: int
) -> Iterator[list[Answer]]:
    """The answers to `retrieval_questions`, those about one ranking at a time.

    Args:
        vectors: of images that have every modality.
        places: (n, 2) longitude and latitude in degrees, NaN = not known; None: nobody says.
        same_place_km: other images not farther apart than this do not count.
    """
    n = len(vectors.table)
    positions = None if places is None else positions_km(places[:, 1], places[:, 0])
    weights = image_weights(places, n, seed)
    chances = _chances(_candidates(n, positions, same_place_km))
    for gallery in vectors.channels:
        searched = torch.from_numpy(np.ascontiguousarray(vectors.alone(gallery)))
        whole: Mapping[tuple[str, int | None], np.ndarray] | None = None
        for seen in every_seen(vectors.channels, but=gallery):
            queries = torch.from_numpy(vectors.average(seen))
            ranks = retrieval_ranks(queries, searched, positions, same_place_km).numpy()
            values = rank_values(ranks, weights)
            yield [
                answer(
                    asked,
                    values[asked.metric, asked.k],
                    None if whole is None else whole[asked.metric, asked.k],
                    chance=chances[asked.metric, asked.k],
                    n=n,
                    n_gallery=n,
                )
                for asked in _asked(seen, gallery)
            ]
            whole = whole or values


def rank_values(ranks: np.ndarray, weights: np.ndarray) -> dict[tuple[str, int | None], np.ndarray]:
    """Recall at each of RECALLS and the median of (n,) ranks, 1 the first, by (metric, k): (B,) for (B, n) weights.

    Weights are whole numbers: how often a query counts. Of an even number the median is the mean of the middle two.
    """
    total = weights.sum(axis=1, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        found: dict[tuple[str, int | None], np.ndarray] = {
            ("recall", k): (weights @ (ranks <= k).astype(np.float64)) / total for k in RECALLS
        }
    found[MEDIAN_RANK, None] = _medians(ranks, weights, total)
    return found


def _medians(ranks: np.ndarray, weights: np.ndarray, total: np.ndarray) -> np.ndarray:
    if not len(ranks):
        return np.full(len(weights), np.nan)
    order = np.argsort(ranks)
    passed = np.cumsum(weights[:, order], axis=1, dtype=np.float64)
    middle = [np.floor((total - 1) / 2), np.ceil((total - 1) / 2)]
    medians: np.ndarray = np.mean([ranks[order][(passed > at[:, None]).argmax(axis=1)] for at in middle], axis=0)
    return medians


def _candidates(n: int, positions: torch.Tensor | None, km: float) -> np.ndarray:
    """(n,) how many images each query is ranked among: its own and those of other places."""
    if positions is None:
        return np.full(n, n)
    step = max(_MOST_AT_ONCE // max(n, 1), 1)
    hidden = [same_places(positions[at : at + step], positions, km).sum(dim=1) for at in range(0, n, step)]
    itself = torch.isfinite(positions).all(dim=1)  # a place that is not known is not even its own
    counts: np.ndarray = n - (torch.cat(hidden) - itself.long()).numpy() if hidden else np.zeros(0, int)
    return counts


def _chances(candidates: np.ndarray) -> dict[tuple[str, int | None], float | None]:
    """What any order gives on average, by (metric, k)."""
    there = len(candidates) > 0
    chances: dict[tuple[str, int | None], float | None] = {
        ("recall", k): float(np.minimum(k / candidates, 1).mean()) if there else None for k in RECALLS
    }
    chances[MEDIAN_RANK, None] = float(np.median((candidates + 1) / 2)) if there else None
    return chances


def _asked(seen: Seen, gallery: str) -> list[Asked]:
    metrics = [*(("recall", k) for k in RECALLS), (MEDIAN_RANK, None)]
    return [
        Asked(what="retrieval", seen=seen, gallery=gallery, metric=metric, k=k, higher_is_better=metric != MEDIAN_RANK)
        for metric, k in metrics
    ]
