"""A list is given by commas, by repeating the option, or by both: of every option that takes NAME,... or N,..."""

import pytest
import typer

from harness.cli.app import app
from harness.cli.options.words import split_backbones, split_budgets, split_weights
from harness.cli.terminal import split_names, split_numbers


@pytest.mark.parametrize("given", [["a,b,c"], ["a", "b", "c"], ["a, b", "c"]])
def test_commas_and_repetition_mean_the_same(given):
    assert split_names(given) == split_backbones(given) == ("a", "b", "c")


def test_numbers_and_ranges_too():
    assert split_numbers("--seeds", ["0-2,5", "7"]) == (0, 1, 2, 5, 7)
    assert split_budgets(["all,50", "100"]) == [50, 100, "all"]


def test_commas_of_a_wish_do_not_end_a_name():
    assert split_backbones(["mp_mae,timm:resnet50?bands=B4,B3", "clip?embedding=s2"]) == (
        "mp_mae",
        "timm:resnet50?bands=B4,B3",
        "clip?embedding=s2",
    )


def test_a_name_with_a_wish_of_its_own_ends_the_wish_before():
    assert split_backbones(["a, b,clip?embedding=s2,timm:resnet50?bands=B4,B3&pool=avg, clip?embedding=s1"]) == (
        "a",
        "b",
        "clip?embedding=s2",
        "timm:resnet50?bands=B4,B3&pool=avg",
        "clip?embedding=s1",
    )


def test_a_comma_in_a_path_of_weights_is_no_separator():
    assert split_weights(["mp_mae=runs/a,b.pth,rgb_mae=c=d.pth", "e.pth"]) == (
        "mp_mae=runs/a,b.pth",
        "rgb_mae=c=d.pth",
        "e.pth",
    )


def _lists():
    commands = [("", typer.main.get_command(app))]
    while commands:
        name, command = commands.pop()
        for parameter in command.params:
            if parameter.metavar and parameter.metavar.endswith((",...", ",...,all")):
                yield f"{name} {parameter.opts[0]}", parameter
        commands += [(f"{name} {verb}", found) for verb, found in getattr(command, "commands", {}).items()]


def test_whatever_says_in_its_help_that_it_takes_several_may_be_repeated():
    found = dict(_lists())
    assert {" run --datasets", " curve --backbones", " embeddings --backbone", " data areas --areas"} <= found.keys()
    assert [name for name, parameter in found.items() if not (parameter.multiple or parameter.nargs == -1)] == []
