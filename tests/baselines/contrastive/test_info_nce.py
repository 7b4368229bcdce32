"""The contrastive loss against a formula of loops, and what is left out of it."""

import math

import pytest
import torch
import torch.nn.functional as F

from baselines.contrastive.info_nce import pair_losses, pairs
from baselines.contrastive.objective import keep

NOBODY = torch.zeros(6, 6, dtype=torch.bool)


def vectors(n=6, modalities=3, dim=4):
    return F.normalize(torch.randn(n, modalities, dim, generator=torch.Generator().manual_seed(0)).double(), dim=-1)


def by_loops(vectors, there, same_place, scale):
    """The definition, one tile at a time."""
    losses = []
    for a, b in pairs(vectors.shape[1]):
        tiles = [i for i in range(len(vectors)) if there[i, a] and there[i, b]]
        total = 0.0
        for i in tiles:
            for one, other in ((a, b), (b, a)):
                others = [j for j in tiles if j == i or not same_place[i, j]]
                logits = {j: scale * float(vectors[i, one] @ vectors[j, other]) for j in others}
                total += math.log(sum(math.exp(logit) for logit in logits.values())) - logits[i]
        losses.append(total / (2 * len(tiles)) if tiles else 0.0)
    return losses


def test_the_loss_is_the_one_of_the_definition():
    found = pair_losses(vectors(), torch.ones(6, 3, dtype=torch.bool), NOBODY, torch.tensor(5.0))
    assert found.means.tolist() == pytest.approx(by_loops(vectors(), torch.ones(6, 3), NOBODY, 5.0), rel=1e-12)
    assert found.counts.tolist() == [6, 6, 6]


def test_what_is_missing_is_neither_sought_nor_taken_for_another_and_places_are_not_told_apart():
    there = torch.tensor([[1, 1, 0], [1, 1, 1], [0, 1, 1], [1, 1, 1], [1, 0, 0], [1, 1, 0]]).bool()
    same = NOBODY.clone()
    same[1, 3] = same[3, 1] = True
    found = pair_losses(vectors(), there, same, torch.tensor(5.0))
    assert found.means.tolist() == pytest.approx(by_loops(vectors(), there, same, 5.0), rel=1e-12)
    assert found.counts.tolist() == [4, 2, 3]
    assert found.means[1] == 0, "two tiles of one place cannot be taken for each other"
    moved = vectors()
    moved[~there] = 7.0
    assert torch.equal(pair_losses(moved, there, same, torch.tensor(5.0)).means, found.means)


def test_a_pair_that_no_tile_has_costs_nothing_and_gives_no_gradient():
    there = torch.tensor([[True, True, False]] * 6)
    leaf = vectors().requires_grad_()
    found = pair_losses(leaf, there, NOBODY, torch.tensor(5.0))
    found.means.sum().backward()
    assert found.counts.tolist() == [6, 0, 0]
    assert found.means[1:].tolist() == [0, 0]
    assert leaf.grad.isfinite().all()
    assert not leaf.grad[:, 2].any()
    assert leaf.grad[:, :2].any()


def test_vectors_that_say_nothing_cost_the_logarithm_of_the_number_of_tiles():
    same = torch.ones(8, 2, 4).double() / 2
    found = pair_losses(same, torch.ones(8, 2, dtype=torch.bool), torch.zeros(8, 8).bool(), torch.tensor(9.0))
    assert float(found.means) == pytest.approx(math.log(8))


def test_what_is_left_out_at_random_leaves_as_many_as_are_asked_for():
    there = torch.tensor([[1, 1, 1], [1, 1, 0], [0, 0, 1], [1, 1, 1]]).bool()
    chances = torch.tensor([[0.1, 0.2, 0.3], [0.1, 0.2, 0.9], [0.9, 0.9, 0.1], [0.6, 0.4, 0.7]])
    found = keep(there, chances, 0.5, at_least=2)
    assert found.int().tolist() == [[0, 1, 1], [1, 1, 0], [0, 0, 1], [1, 0, 1]]
    assert torch.equal(keep(there, chances, 0.0, at_least=1), there)


def test_as_many_are_left_out_as_the_chance_says():
    chances = torch.rand(4000, 8, generator=torch.Generator().manual_seed(0))
    kept = keep(torch.ones(4000, 8, dtype=torch.bool), chances, 0.3, at_least=1)
    assert float(kept.float().mean()) == pytest.approx(0.7, abs=0.01)
