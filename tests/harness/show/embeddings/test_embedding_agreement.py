"""Agreement of neighbours, by hand."""

import numpy as np
import pytest

from harness.show.embeddings.agreement import measure_agreement
from harness.show.embeddings.colourings import Colouring

NEIGHBOURS = np.array([[1, 2], [0, 2], [3, 4], [2, 4], [2, 3], [0, 1]])
NAN = float("nan")


def classes(*values: float) -> Colouring:
    return Colouring(name="class", values=np.array(values), classes=("a", "b"))


def test_purity_and_chance_of_six_images():
    found = measure_agreement(classes(0, 0, 0, 1, 1, 1), NEIGHBOURS, 0)
    # Shares of neighbours of their class: 1, 1, 0, 1/2, 1/2, 0. Of the 15 pairs 3 + 3 are of one class.
    assert found.value == pytest.approx(3 / 6)
    assert found.chance == pytest.approx(6 / 15)
    assert 0 <= found.low < found.value < found.high <= 1


def test_images_without_a_label_neither_ask_nor_answer():
    found = measure_agreement(classes(0, NAN, 0, 1, 1, 1), NEIGHBOURS, 0)
    # 0 asks 2 alone: 1. 2 asks 3, 4: 0. 3 and 4: 1/2 each. 5 asks 0 alone: 0. Pairs of one class: 1 + 3 of 10.
    assert found.value == pytest.approx(2 / 5)
    assert found.chance == pytest.approx(4 / 10)


def test_numbers_are_correlated_with_the_mean_of_their_neighbours():
    values = np.array([1.0, 2.0, 2.5, 4.0, 4.5, 1.5])
    found = measure_agreement(Colouring(name="height", values=values), NEIGHBOURS, 0)
    expected = np.corrcoef(values, values[NEIGHBOURS].mean(axis=1))[0, 1]
    assert found.value == pytest.approx(expected)
    assert found.chance == 0
    assert -1 <= found.low < found.high <= 1


def test_large_numbers_lose_no_digits():
    values = np.array([1.0, 2.0, 2.5, 4.0, 4.5, 1.5])
    near, far = (
        measure_agreement(Colouring(name="height", values=values + shift), NEIGHBOURS, 0) for shift in (0, 1e9)
    )
    assert far.value == pytest.approx(near.value, abs=1e-6)


def test_what_is_undefined_is_not_zero():
    assert measure_agreement(Colouring(name="flat", values=np.ones(6)), NEIGHBOURS, 0).value is None
    unknown = measure_agreement(classes(*[NAN] * 6), NEIGHBOURS, 0)
    assert (unknown.value, unknown.chance) == (None, None)


def test_neighbours_at_random_agree_by_chance():
    generator = np.random.default_rng(0)
    values = generator.choice(3, 600, p=(0.6, 0.3, 0.1)).astype(float)
    neighbours = generator.integers(0, 600, (600, 10))
    found = measure_agreement(Colouring(name="c", values=values, classes=("a", "b", "c")), neighbours, 0)
    assert found.chance == pytest.approx(0.46, abs=0.03)  # 0.36 + 0.09 + 0.01
    assert found.low <= found.chance <= found.high
