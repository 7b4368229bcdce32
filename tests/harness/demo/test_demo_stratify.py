"""Beginnings of the order are stratified subsets."""

import numpy as np

from harness.demo.stratify import covering_order


def one_hot(labels, n_classes=10):
    return np.eye(n_classes)[labels]


def test_the_first_samples_cover_every_class_once():
    labels = np.repeat(np.arange(10), [200, 300, 100, 100, 100, 50, 60, 50, 20, 20])
    order = covering_order(one_hot(labels), np.random.default_rng(0))
    assert sorted(labels[order[:10]]) == list(range(10))


def test_every_longer_beginning_has_the_shares_of_the_whole():
    labels = np.random.default_rng(1).choice(4, 400, p=[0.5, 0.3, 0.15, 0.05])
    order = covering_order(one_hot(labels, 4), np.random.default_rng(0))
    for n in (40, 80, 200):
        found, whole = (np.bincount(part, minlength=4) / len(part) for part in (labels[order[:n]], labels))
        assert np.abs(found - whole).max() <= 1 / n + 1e-9


def test_it_is_a_permutation_that_follows_the_generator():
    content = np.random.default_rng(2).random((50, 6)).round()
    orders = [covering_order(content, np.random.default_rng(seed)) for seed in (0, 0, 1)]
    assert sorted(orders[0]) == list(range(50))
    assert (orders[0] == orders[1]).all()
    assert (orders[0] != orders[2]).any()


def test_samples_of_several_classes_cover_the_rarest_first():
    content = np.zeros((30, 3))
    content[:, 0] = 1
    content[:10, 1] = 1
    content[7, 2] = 1
    order = covering_order(content, np.random.default_rng(0))
    assert order[0] == 7  # the only one with the third class


def test_a_class_nobody_has_is_no_obstacle():
    assert sorted(covering_order(one_hot(np.array([0, 0, 2]), 5), np.random.default_rng(0))) == [0, 1, 2]
