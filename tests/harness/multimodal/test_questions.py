"""Every subset of modalities is asked for, and every channel that can be missing from one."""

from harness.multimodal.questions import Seen, every_seen, subsets

CHANNELS = {"light": ("red", "green"), "radar": ("VV", "VH"), "height": ("m",)}


def test_there_are_all_subsets_but_the_empty_one_the_largest_first():
    found = subsets(["a", "b", "c"])
    assert found == [("a", "b", "c"), ("a", "b"), ("a", "c"), ("b", "c"), ("a",), ("b",), ("c",)]


def test_each_subset_is_asked_for_with_everything_and_without_each_channel():
    found = list(every_seen(CHANNELS))
    assert found[0] == Seen(("light", "radar", "height"))
    assert sum(seen.missing_channel is None for seen in found) == 2**3 - 1
    assert Seen(("light", "height"), "light", "green") in found
    assert Seen(("radar",), "radar", "VV") in found
    assert sum(seen.missing_channel is not None for seen in found) == 2**2 * (2 + 2), "each channel in four subsets"
    assert not [seen for seen in found if seen.channel_of == "height"], "without its one channel it is not there"
    assert len(set(found)) == len(found)


def test_a_modality_can_be_left_out():
    assert [seen for seen in every_seen(CHANNELS, but="light") if seen.missing_channel is None] == [
        Seen(("radar", "height")),
        Seen(("radar",)),
        Seen(("height",)),
    ]
