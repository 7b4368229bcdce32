"""The mean direction of what is there, from vectors that were stored one modality at a time."""

import numpy as np
import pytest
from hand_made import vectors

from harness.multimodal.questions import Seen

BOTH = Seen(("light", "radar"))


def test_the_average_is_the_mean_direction():
    shared = vectors(light=[[1, 0]], radar=[[0, 1]])
    assert shared.average(BOTH) == pytest.approx(np.full((1, 2), 0.5**0.5))
    assert shared.average(Seen(("radar",))).tolist() == [[0, 1]]


def test_an_image_without_a_modality_is_what_the_others_say_and_without_any_zeros():
    shared = vectors(light=[[1, 0], [0, 0]], radar=[[0, 0], [0, 0]])
    assert shared.average(BOTH).tolist() == [[1, 0], [0, 0]]
    assert shared.complete().tolist() == [False, False]
    assert vectors(light=[[1, 0], [0, 1]], radar=[[0, 0], [1, 0]]).complete().tolist() == [False, True]


def test_a_missing_channel_changes_its_own_modality_alone():
    shared = vectors(light=[[1, 0]], radar=[[0, 1]], red=[[0, -1]])
    assert shared.average(Seen(("light",), "light", "red")).tolist() == [[0, -1]]
    assert shared.average(Seen(("light",), "light", "green")).tolist() == [[1, 0]]
    assert shared.average(Seen(("light", "radar"), "light", "red")).tolist() == [[0, 0]], "they cancel"


def test_some_images_keep_their_vectors():
    shared = vectors(light=[[1, 0], [0, 1]], radar=[[0, 1], [1, 0]])
    assert shared.of(np.array([1])).alone("radar").tolist() == [[1, 0]]
