"""Ranks of true partners, by hand and against a slow formula."""

import numpy as np
import pytest
import torch

from baselines.contrastive import retrieval
from baselines.contrastive.retrieval import recalls, retrieval_ranks, same_places
from mp_mae.data.places import positions_km

TURNED = torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]])


def test_ranks_are_those_counted_by_hand():
    gallery = torch.tensor([[0.8, 0.6], [1.0, 0.0], [0.0, 1.0]])
    # similarities of query 0: .8, 1, 0 -> its own is second; of query 1: 1, .8, .6 -> second; of query 2: .6, 0, 1
    assert retrieval_ranks(TURNED, gallery).tolist() == [2, 2, 1]


def test_ties_count_half_and_one_vector_for_all_is_no_better_than_chance():
    same = torch.ones(5, 2)
    ranks = retrieval_ranks(same, same)
    assert ranks.tolist() == [3.0] * 5
    assert recalls(ranks) == {"recall@1": 0, "recall@5": 1, "recall@10": 1, "median rank": 3}


def test_other_images_of_the_querys_place_are_ignored():
    gallery = torch.tensor([[0.8, 0.6], [1.0, 0.0], [0.0, 1.0]])
    places = positions_km(np.array([10.0, 10.01, 40.0]), np.zeros(3))  # 1.1 km, then far away
    assert retrieval_ranks(TURNED, gallery, places, 2.0).tolist() == [1, 1, 1]
    assert retrieval_ranks(TURNED, gallery, places, 1.0).tolist() == [2, 2, 1]


def test_the_same_position_is_one_place_and_one_that_is_not_known_is_nobodys():
    places = positions_km(np.array([10.0, 10.0, np.nan, np.nan]), np.array([5.0, 5.0, 1.0, np.inf]))
    expected = [[True, True, False, False], [True, True, False, False], [False] * 4, [False] * 4]
    assert same_places(places, places, 0.0).tolist() == expected


def test_pieces_give_what_all_at_once_gives(monkeypatch):
    generator = torch.Generator().manual_seed(0)
    queries, gallery = (torch.randn(50, 8, generator=generator) for _ in range(2))
    slow = [
        1 + sum(float(queries[i] @ gallery[j] > queries[i] @ gallery[i]) for j in range(50) if j != i)
        for i in range(50)
    ]
    assert retrieval_ranks(queries, gallery).tolist() == slow
    monkeypatch.setattr(retrieval, "MOST_SIMILARITIES", 7 * 50)
    assert retrieval_ranks(queries, gallery).tolist() == slow


def test_a_partner_that_is_found_by_chance_has_the_recall_of_chance():
    generator = torch.Generator().manual_seed(1)
    ranks = retrieval_ranks(torch.randn(2000, 8, generator=generator), torch.randn(2000, 8, generator=generator))
    found = recalls(ranks)
    assert found["recall@10"] == pytest.approx(10 / 2000, abs=0.005)  # three standard errors
    assert found["median rank"] == pytest.approx(1000, abs=60)


def test_positions_are_as_far_apart_as_on_the_sphere():
    equator = positions_km(np.array([0.0, 0.0, 90.0]), np.array([0.0, 1.0, 33.0]))
    assert float((equator[0] - equator[1]).norm()) == pytest.approx(6371 * np.pi / 180, rel=1e-4)
    assert equator[2].tolist() == pytest.approx([0, 0, 6371], abs=1e-9)
