"""Several checkpoints of one backbone in one command, each under a name of its own."""

from pathlib import Path

import pytest

import mp_mae.errors
from baselines.registry import find_backbone
from harness.campaign.weights import assign_weights, check_there, name_checkpoints
from harness.errors import UserError


def test_a_name_a_path_and_a_backbone_make_a_backbone_of_that_name():
    given = ["first=a.pth:mp_mae", "run=2=b.pth:timm:resnet18", "mp_mae=c.pth", "d.pth"]
    named, others = name_checkpoints(given, ("mp_mae",))
    assert named == {"first=mp_mae": Path("a.pth"), "run=timm:resnet18": Path("2=b.pth")}
    assert others == ["mp_mae=c.pth", "d.pth"]
    entry = find_backbone("first=mp_mae")
    assert (entry.name, entry.checkpoint_of, entry.demo_weights) == ("first", "mp_mae", None)
    assert entry.module == find_backbone("mp_mae").module


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["first=a:mp_mae", "first=b:rgb_mae"], "another checkpoint is called first already"),
        (["first=a:image_statistics"], "image_statistics takes no weights"),
    ],
)
def test_names_that_tell_nothing_apart_are_refused(given, told):
    with pytest.raises((UserError, mp_mae.errors.UserError), match=told):
        name_checkpoints(given, ())


def test_a_checkpoint_is_not_called_as_a_backbone():
    with pytest.raises(mp_mae.errors.UserError, match="rgb_mae is a backbone itself"):
        find_backbone("rgb_mae=mp_mae")


def test_two_paths_of_one_backbone_are_refused_with_the_words_that_take_both():
    with pytest.raises(UserError, match="--weights first=a:mp_mae --weights second=b:mp_mae") as caught:
        assign_weights(["mp_mae=a", "mp_mae=b"], ("mp_mae",))
    words = str(caught.value).split("Give both a name: ")[1].split()
    assert len(name_checkpoints(words[1::2], ())[0]) == 2


def test_weights_that_are_not_there_are_one_error(tmp_path):
    (tmp_path / "there.pth").touch()
    check_there([tmp_path, tmp_path / "there.pth#model_ema"])
    with pytest.raises(UserError, match="--weights /none: no such file or folder"):
        check_there([Path("/none")])
