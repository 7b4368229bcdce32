"""A protocol that says it does not depend on the seed is run once for all of them, so it must not."""

import dataclasses

import numpy as np
import pytest
from toy_material import numbers, single_label

from harness.protocols import MASK_PROTOCOLS, NUMBER_PROTOCOLS, PIXEL_NUMBER_PROTOCOLS, PROTOCOLS

SEEDLESS = [
    pytest.param(entry, make, id=f"{name}-{make.__name__}")
    for table, make in ((PROTOCOLS, single_label), (NUMBER_PROTOCOLS, numbers))
    for name, entry in table.items()
    if not entry.uses_seed
]


@pytest.mark.parametrize(("entry", "make"), SEEDLESS)
def test_a_protocol_that_says_so_does_not_depend_on_the_seed(entry, make):
    for selection in entry.selections:
        material = dataclasses.replace(make(n_train=30), selection=selection)
        first, second = (entry.function(material, entry.settings, seed) for seed in (1, 2))
        np.testing.assert_array_equal(first.test_scores, second.test_scores)
        np.testing.assert_array_equal(first.valid_scores, second.valid_scores)
        assert first.ran_with == second.ran_with


def test_of_pixels_only_areas_do_not_depend_on_the_seed():
    tables = {**MASK_PROTOCOLS, **PIXEL_NUMBER_PROTOCOLS}
    assert [name for name, entry in tables.items() if not entry.uses_seed] == ["few_shot_area"]
