"""Wishes behind a scheme's name are read as they are typed, and refused with what there is."""

import pytest

from baselines.wishes import Wish, read_wishes
from mp_mae.errors import UserError

OFFERED = (
    Wish("random", "untrained weights"),
    Wish("bands", "other bands", example="B4,B3"),
    Wish("pool", "another vector", choices=("token", "avg")),
)


@pytest.mark.parametrize(
    ("rest", "name", "wishes"),
    [
        ("net.tag", "net.tag", {}),
        ("net?random", "net", {"random": ""}),
        ("net?bands=B4,B3&random", "net", {"bands": "B4,B3", "random": ""}),
        ("net?pool=avg", "net", {"pool": "avg"}),
    ],
)
def test_a_name_and_its_wishes_are_told_apart(rest, name, wishes):
    assert read_wishes("zoo", rest, OFFERED) == (name, wishes)


@pytest.mark.parametrize(
    ("rest", "told"),
    [
        ("net?zeros", "found the wish 'zeros'; there is `zoo:net?random` for untrained weights, `zoo:net?bands=B4,B3`"),
        ("net?random=yes", "found the wish 'random=yes'"),
        ("net?bands", "found the wish 'bands'"),
        ("net?bands=", "found the wish 'bands='"),
        ("net?pool=max", "found the wish 'pool=max'; there is `zoo:net?random`"),
        ("net?", "found the wish ''"),
        ("net?random&", "found the wish ''"),
        ("net?random&random", "random is wished for twice"),
    ],
)
def test_what_is_not_offered_is_refused_with_what_is(rest, told):
    with pytest.raises(UserError) as caught:
        read_wishes("zoo", rest, OFFERED)
    assert str(caught.value).startswith(f"zoo:{rest}: {told}")


def test_the_values_of_a_choice_are_listed():
    with pytest.raises(UserError, match=r"`zoo:net\?pool=token\|avg` for another vector"):
        read_wishes("zoo", "net?pool=max", OFFERED)


def test_a_scheme_without_wishes_says_so():
    with pytest.raises(UserError, match="found the wish 'random'; there is none"):
        read_wishes("zoo", "net?random", ())
