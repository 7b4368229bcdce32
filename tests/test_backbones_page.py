"""docs/backbones.md has a row for every backbone that can be listed, and a field for everything a backbone declares."""

import dataclasses
import re
from pathlib import Path

import pytest
import timm
import torch

from baselines.contract import Features, InputSpec, Level, Origin, Reference
from baselines.entry import Entry
from baselines.registry.listed import OF_TIMM, entries_of_schemes
from baselines.table import BACKBONES
from harness.cli.backbones import list_backbones
from harness.cli.terminal import Format
from leaderboards.query import to_markdown

PAGE = (Path(__file__).parent.parent / "docs" / "backbones.md").read_text()
INTERNAL = {"file", "package", "code_sha256", "has_demo_weights", "checkpoint_of", "demo_twin"}
"""Fields of an entry that whoever writes a backbone has no use for."""


def test_the_matrix_is_what_the_command_prints():
    entries = [*BACKBONES.values(), *entries_of_schemes()]
    _, begin, rest = PAGE.partition("<!-- matrix: begin -->\n")
    matrix, end, _ = rest.partition("<!-- matrix: end -->")
    assert begin
    assert end
    made = to_markdown(list_backbones(entries, Format.markdown))
    assert matrix.splitlines() == made.splitlines(), "run: python docs/make_backbones.py"


def test_every_record_says_what_the_matrix_has_of_it():
    for entry in entries_of_schemes():
        assert "not said" not in (entry.bands, entry.unit, entry.licence, entry.source), entry.name
        assert entry.parameters, entry.name
        assert entry.source.startswith("https://huggingface.co/"), entry.name


@pytest.mark.parametrize("declared", [InputSpec, Origin, Level, Features, Reference, Entry], ids=lambda of: of.__name__)
def test_the_page_has_every_field_that_a_backbone_declares(declared):
    _, _, rest = PAGE.partition(f"| `{declared.__name__}` |")
    rows = re.split(r"\n\| `|\n\n", rest)[0]
    wanted = {field.name for field in dataclasses.fields(declared)} - INTERNAL
    assert {name for name in wanted if f"`{name}`" not in rows} == set()


@pytest.mark.parametrize("name", OF_TIMM)
def test_the_parameters_of_timms_models_are_counted(name):
    with torch.device("meta"):
        network = timm.create_model(name.partition(".")[0], num_classes=0)
    assert sum(parameter.numel() for parameter in network.parameters()) == OF_TIMM[name][0]
