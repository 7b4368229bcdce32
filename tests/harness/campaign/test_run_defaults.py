"""What `run` does where nothing is said: the fewest runs where there are most backbones."""

from harness.campaign.defaults import DEMO, REAL, suite_defaults


def test_all_backbones_have_three_points_a_curve_on_the_demo_suite():
    chosen = suite_defaults(demo=True, all_backbones=True)
    assert (chosen.protocols, chosen.partitions) == (
        ("linear_probe", "knn"),
        ("0.01x_train", "0.10x_train", "1.00x_train"),
    )
    assert (chosen.seeds, chosen.train_draw, chosen.select) == (DEMO.seeds, DEMO.train_draw, DEMO.select)


def test_elsewhere_their_number_decides_nothing():
    assert suite_defaults(demo=False, all_backbones=True) is suite_defaults(demo=False, all_backbones=False) is REAL
    assert suite_defaults(demo=True, all_backbones=False) is DEMO
