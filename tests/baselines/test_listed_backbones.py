"""What a list says of a backbone without building it is what the backbone declares once it is built."""

import pytest

from baselines.table import BACKBONES
from mp_mae.errors import NotHereError

BUILDABLE = [name for name, entry in BACKBONES.items() if entry.weights == "none" or entry.has_demo_weights]


@pytest.mark.parametrize("name", BUILDABLE)
def test_a_list_says_what_the_backbone_declares(name):
    entry = BACKBONES[name]
    try:
        backbone = entry.build(entry.demo_weights, 0)
    except NotHereError as reason:
        pytest.skip(str(reason))
    assert entry.size_px == backbone.inputs.native_size_px
    assert entry.unit == backbone.inputs.unit_in_words
    if entry.parameters is not None:
        assert entry.parameters == sum(parameter.numel() for parameter in backbone.parameters())


def test_every_built_in_backbone_says_where_its_code_and_weights_are_from():
    for entry in BACKBONES.values():
        assert entry.library in {"timm", "torchgeo", "terratorch", "own"}, entry.name
        assert entry.source != "not said", entry.name
