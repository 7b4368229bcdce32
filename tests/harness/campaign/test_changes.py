"""`--set`: a protocol runs with other values than documented, and they are told apart and asked for again."""

import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from harness.campaign.changes import read_changes
from harness.campaign.request import RunRequest, make_request
from harness.campaign.resolve import choose_method
from harness.cli.options.words import split_settings
from harness.errors import DoesNotApplyError, UserError
from harness.protocols import PROTOCOLS
from harness.records.labels import LabelKind
from harness.show.reproduce import reproducing_command

RUNNING = ("fine_tune", "knn", "linear_probe")


def test_values_have_the_types_of_the_settings():
    texts = split_settings(["fine_tune.epochs=5,fine_tune.flips=false", "fine_tune.rate=1", "knn.candidates=9,3"])
    assert read_changes(texts, RUNNING) == {
        "fine_tune": {"epochs": 5, "flips": False, "rate": 1.0},
        "knn": {"candidates": (9, 3)},
    }


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        (["epochs=5"], "expected PROTOCOL.SETTING=VALUE, for example --set fine_tune.epochs=5"),
        (["fine_tune.epochs"], "expected PROTOCOL.SETTING=VALUE"),
        (["conv_probe.epochs=5"], "conv_probe is none of the protocols that run: fine_tune, knn, linear_probe"),
        (["fine_tune.epoch=5"], "no setting 'epoch'. Did you mean epochs?"),
        (["fine_tune.version=3"], "no setting 'version'"),
        (["fine_tune.epochs=many"], "epochs is 'many'; wanted a whole number"),
        (["fine_tune.epochs=0"], "expected a number from 1, found 0"),
        (["fine_tune.rate=-1"], "expected a number from 0, found -1"),
        (["knn.candidates=3,0"], "expected a number from 1, found 0"),
        (["knn.k=3", "knn.k=5"], "knn.k is set twice"),
    ],
)
def test_what_cannot_be_set_is_one_error(texts, told):
    with pytest.raises(UserError, match=f"^--set .*{told.replace('?', '[?]')}"):
        read_changes(texts, RUNNING)


def request(*settings: str, protocols: tuple[str, ...] = ("knn",)) -> RunRequest:
    return make_request(
        backbones=["random_init"], weights=[], geobench_dir=Path("data"), datasets=(), protocols=protocols,
        partitions=("default",), seeds=(0,), train_draw="partition", selection="valid", shots=(), budgets=(),
        missing_bands="error", db=Path("x.duckdb"), cache_dir=Path("cache"), device="cpu", settings=settings,
    )  # fmt: skip


def test_a_run_has_the_value_among_its_settings_which_its_identity_covers():
    documented = choose_method("knn", LabelKind.SINGLE_LABEL, request())
    changed = choose_method("knn", LabelKind.SINGLE_LABEL, request("knn.k=3"))
    assert documented.settings["k"] == PROTOCOLS["knn"].settings.k == 5
    assert replace(changed, changes={}) == replace(documented, settings={**documented.settings, "k": 3})


def test_a_setting_that_a_kind_of_labels_does_not_have_leaves_those_datasets_out():
    asked = request("linear_probe.cv_pixels=64", protocols=("linear_probe",))
    assert choose_method("linear_probe", LabelKind.SEGMENTATION, asked).settings["cv_pixels"] == 64
    with pytest.raises(DoesNotApplyError, match="linear_probe of single_label labels has no setting cv_pixels"):
        choose_method("linear_probe", LabelKind.SINGLE_LABEL, asked)


def test_the_command_that_makes_a_run_again_sets_it_too():
    configuration = {"dataset": "d", "protocol": "knn", "partition": "default", "seed": 0, "band_sources": ["a"]}
    changes = read_changes(["knn.k=3", "knn.candidates=9,3"], ("knn",))
    words = shlex.split(reproducing_command("b", configuration, {"settings_set": changes["knn"]}))
    given = [words[i + 1] for i, word in enumerate(words) if word == "--set"]
    assert read_changes(split_settings(given), ("knn",)) == changes
