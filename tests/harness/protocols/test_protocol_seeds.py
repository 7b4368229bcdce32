"""A protocol that says it does not depend on the seed is run once for all of them, so it must not."""

import dataclasses

import numpy as np
import pytest
from toy_material import single_label

from harness.protocols import MASK_PROTOCOLS, PROTOCOLS


@pytest.mark.parametrize("name", [name for name, entry in PROTOCOLS.items() if not entry.uses_seed])
def test_a_protocol_that_says_so_does_not_depend_on_the_seed(name):
    entry = PROTOCOLS[name]
    for selection in entry.selections:
        material = dataclasses.replace(single_label(n_train=30), selection=selection)
        first, second = (entry.function(material, entry.settings, seed) for seed in (1, 2))
        np.testing.assert_array_equal(first.test_scores, second.test_scores)
        np.testing.assert_array_equal(first.valid_scores, second.valid_scores)
        assert first.ran_with == second.ran_with


def test_only_areas_of_masks_do_not_depend_on_the_seed():
    assert [name for name, entry in MASK_PROTOCOLS.items() if not entry.uses_seed] == ["few_shot_area"]
