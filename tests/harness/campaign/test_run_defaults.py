"""What `run` does where nothing is said: a comparison, and the fewest runs where there are most backbones."""

import pytest

from harness.campaign.defaults import COMPANIONS, DEMO, DEMO_SHORT, REAL, suite_defaults, with_companions


def test_one_backbone_is_compared_on_the_demo_suite():
    assert with_companions(["mp_mae"]) == ("mp_mae", *COMPANIONS)
    assert with_companions(["image_statistics"]) == COMPANIONS


@pytest.mark.parametrize("backbones", [["all"], ["mp_mae", "rgb_mae"]])
def test_several_are_a_comparison_by_themselves(backbones):
    assert with_companions(backbones) == tuple(backbones)


@pytest.mark.parametrize("backbones", [["all"], ["mp_mae"]])
def test_one_backbone_or_all_have_three_points_a_curve_on_the_demo_suite(backbones):
    assert suite_defaults(backbones, demo=True) is DEMO_SHORT
    assert len(DEMO_SHORT.partitions) == 3


def test_several_have_whole_curves_there():
    assert suite_defaults(["mp_mae", "rgb_mae"], demo=True) is DEMO


def test_elsewhere_their_number_decides_nothing():
    assert suite_defaults(["all"], demo=False) is suite_defaults(["a", "b"], demo=False) is REAL
