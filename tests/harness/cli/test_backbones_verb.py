"""`harness backbones` lists what can be named and holds one of them to the contract."""

import json
import shlex
from pathlib import Path

from baselines.table import BACKBONES
from command_line import harness
from harness.cli.backbones import _what_next

BROKEN = """
from baselines.contract import Backbone, Features, InputSpec, Origin

class Greedy(Backbone):
    def embed(self, x, facts):
        return Features(vector=x.mean(dim=(2, 3)) - x.mean(), maps=())

def build(weights, seed):
    return Greedy(inputs=InputSpec(bands=("B4", "B2")), origin=Origin(weights_sha256="0" * 64, description=""),
                  pyramid=())
"""


def test_the_list_has_every_built_in_backbone_and_where_it_is_from(tmp_path):
    listed = json.loads(harness("backbones", "--format", "json", cwd=tmp_path).stdout)
    assert [row["backbone"] for row in listed][: len(BACKBONES)] == list(BACKBONES)
    assert {row["from"] for row in listed[: len(BACKBONES)]} == {"built in"}
    for row in listed[: len(BACKBONES)]:
        assert "not said" not in (row["bands"], row["unit"], row["licence of weights"]), row
        assert row["kind"] == BACKBONES[row["backbone"]].kind


def test_a_check_of_a_good_backbone_ends_well(tmp_path):
    done = harness("backbones", "check", "image_statistics", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "passed" in done.stdout
    assert "FAILED" not in done.stdout
    next_command = "python -m harness run --backbone image_statistics"
    assert done.stderr.strip() == f"It keeps the contract. Next: {next_command}"


def test_a_check_of_a_broken_one_names_what_is_wrong_and_fails(tmp_path):
    (tmp_path / "greedy.py").write_text(BROKEN)
    done = harness("backbones", "check", "greedy.py:build", "--format", "json", cwd=tmp_path)
    assert done.returncode == 1
    told = {row["check"]: row["result"] for row in json.loads(done.stdout)}
    assert told["batch independence"] == "FAILED"
    assert told["determinism"] == "passed"
    assert not done.stderr  # programs read the rows


def test_what_comes_next_is_a_command_that_a_shell_takes():
    told = _what_next("timm:resnet50?pool=avg&bands=s2", Path("my weights.pth"), 0)
    name = ["--backbone", "timm:resnet50?pool=avg&bands=s2", "--weights", "my weights.pth"]
    assert shlex.split(told.partition("Next: ")[2]) == ["python", "-m", "harness", "run", *name]
    assert _what_next("net.py:build", None, 2) == (
        "It breaks 2 of the contract's promises; when they are mended: python -m harness backbones check net.py:build"
    )


def test_a_check_of_nothing_is_wrong_usage(tmp_path):
    done = harness("backbones", "check", "greedi", cwd=tmp_path)
    assert done.returncode == 2
    assert "unknown backbone 'greedi'" in done.stderr
