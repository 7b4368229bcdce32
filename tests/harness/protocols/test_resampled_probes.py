"""Probes of masks on images that were embedded larger or smaller than their masks."""

from dataclasses import dataclass

import numpy as np
import pytest
from toy_masks import SIDE, ToyMasks, reached_miou, toy

from harness.protocols.masks.conv_probe import ConvProbeSettings, conv_probe
from harness.protocols.masks.linear_probe_masks import LinearProbeMasksSettings, linear_probe_masks

PROBES = [
    (linear_probe_masks, LinearProbeMasksSettings(n_strengths=4)),
    (conv_probe, ConvProbeSettings(epochs=1, min_updates=60, evaluations=3, width=8)),
]


@dataclass
class Enlarged(ToyMasks):
    """As if images had been embedded at three times the size: three times the cells, of the same strides."""

    @property
    def fed_px(self):
        return tuple(3 * side for side in self.size_px)


def enlarged(material):
    levels = {
        split: [level.repeat(3, axis=1).repeat(3, axis=2) for level in levels]
        for split, levels in material.levels.items()
    }
    return Enlarged(levels, material.targets)


@pytest.mark.parametrize(("probe", "settings"), PROBES)
def test_masks_are_found_where_they_are(probe, settings):
    """Fields of 4 x 4 px: had cells been taken for pixels of the mask, every field would lie elsewhere."""
    material = toy()
    outcome = probe(enlarged(material), settings, 0)
    assert outcome.test_scores.shape == (5, SIDE, SIDE)
    assert reached_miou(material, outcome) > 0.9


def test_cells_that_only_repeat_say_nothing_new():
    material = toy()
    once, thrice = (linear_probe_masks(m, PROBES[0][1], 0).test_scores for m in (material, enlarged(material)))
    assert np.mean(once == thrice) > 0.97
