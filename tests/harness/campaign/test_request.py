"""What users type is validated before anything runs."""

from pathlib import Path

import pytest

import mp_mae.errors
from harness.campaign.request import known_name, make_request
from harness.campaign.weights import assign_weights
from harness.errors import UserError

DEFAULTS = {
    "backbones": ["random_init"],
    "weights": [],
    "geobench_dir": Path("data"),
    "datasets": (),
    "protocols": ("linear_probe",),
    "partitions": ("default",),
    "seeds": (0,),
    "train_draw": "partition",
    "selection": "valid",
    "shots": (1, 5),
    "budgets": (100,),
    "missing_bands": "error",
    "db": Path("x.duckdb"),
    "cache_dir": Path("cache"),
    "device": "cpu",
}


def request(**changes):
    return make_request(**{**DEFAULTS, **changes})


def test_unknown_name_suggests_the_nearest_and_lists_all():
    with pytest.raises(UserError, match=r"'mp_mea'. Did you mean mp_mae\? There are: mp_mae, random_init"):
        known_name("backbone", "mp_mea", ["mp_mae", "random_init"])


def test_unknown_backbone_and_protocol_are_refused():
    with pytest.raises(mp_mae.errors.UserError, match="unknown backbone"):
        request(backbones=["resnet"])
    with pytest.raises(UserError, match="unknown protocol"):
        request(protocols=["linear_prob"])


def test_all_means_every_backbone():
    assert "imagenet_mae" in request(backbones=["all"]).backbones
    assert request(backbones=["all"]).asked_for_all


def test_repeated_names_count_once():
    asked = request(backbones=["random_init", "random_init"], seeds=(1, 1, 0))
    assert asked.backbones == ("random_init",)
    assert asked.seeds == (1, 0)


def test_weights_that_come_from_the_seed_may_have_seeds_of_their_own():
    asked = request(seeds=(0, 1, 2), drawn_seeds=(0,))
    assert (asked.seeds_of("random_init"), asked.seeds_of("mp_mae")) == ((0,), (0, 1, 2))
    assert request(seeds=(0, 1)).seeds_of("random_init") == (0, 1)


def test_weights_go_to_the_one_backbone_that_takes_them():
    assert assign_weights(["a.pth"], ("mp_mae", "random_init")) == {"mp_mae": Path("a.pth")}
    assert assign_weights(["run=1.pth"], ("mp_mae",)) == {"mp_mae": Path("run=1.pth")}
    both = assign_weights(["mp_mae=a.pth", "imagenet_mae=b"], ("mp_mae", "imagenet_mae"))
    assert both == {"mp_mae": Path("a.pth"), "imagenet_mae": Path("b")}


def test_the_name_before_weights_may_hold_an_equals_sign():
    plain, wished = "timm:test_vit", "timm:test_vit?pool=avg"
    assigned = assign_weights([f"{wished}=b=c.pth", f"{plain}=a.pth"], (plain, wished))
    assert assigned == {wished: Path("b=c.pth"), plain: Path("a.pth")}


@pytest.mark.parametrize(
    ("given", "backbones", "message"),
    [
        (["a.pth"], ("mp_mae", "imagenet_mae"), "which backbone is it for"),
        (["a.pth"], ("random_init",), "which backbone is it for"),
        (["random_init=a.pth"], ("random_init",), "takes no weights"),
        (["mp_mae=a.pth"], ("random_init",), "is not chosen"),
        (["mp_mae=a.pth", "mp_mae=b.pth"], ("mp_mae",), "already has"),
    ],
)
def test_weights_without_a_clear_owner_are_refused(given, backbones, message):
    with pytest.raises(UserError, match=message):
        assign_weights(given, backbones)


def test_negative_seed_and_absent_device_are_refused():
    with pytest.raises(UserError, match="--seeds: expected numbers from 0"):
        request(seeds=(-1,))
    with pytest.raises(UserError, match="--device gpu"):
        request(device="gpu")


def test_empty_list_names_the_option():
    with pytest.raises(UserError, match="--partitions"):
        request(partitions=())


def test_each_training_set_of_bands_is_tried_by_itself_with_each_test_set_and_without_each_band():
    (block,) = request(train_bands=[("S2",), ("B4", "B3")], test_bands=[("VV", "VH")], drop_bands=("B4", "B3")).blocks
    assert list(map(str, block.bands)) == [
        "S2", "S2 -> VV VH", "S2 without B4", "S2 without B3",
        "B4 B3", "B4 B3 -> VV VH", "B4 B3 without B4", "B4 B3 without B3",
    ]  # fmt: skip
    assert list(map(str, request().blocks[0].bands)) == ["all bands"]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"train_bands": [()]}, "--train-bands: names no band"),
        ({"test_bands": [("B4",), ()]}, "--test-bands: names no band"),
        ({"drop_bands": ("each", "B4")}, "--drop-bands: each stands for all bands. Leave out B4"),
        (
            {"preset": "mmearth-table", "protocols": (), "partitions": (), "drop_bands": ("each",)},
            "--preset mmearth-table decides bands: leave out --train-bands",
        ),
    ],
)
def test_bands_that_cannot_be_meant_are_refused(changes, told):
    with pytest.raises(UserError, match=told):
        request(**changes)
