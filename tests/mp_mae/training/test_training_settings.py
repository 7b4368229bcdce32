"""Settings: checked where they come in, varied by TOML and `key=value`, and the same when read back."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from generated_mmearth import write_mmearth
from mp_mae.cli.app import build_parser
from mp_mae.cli.pretrain import gather_settings
from mp_mae.config import MMEARTH_S2_BANDS
from mp_mae.errors import UserError
from mp_mae.modalities import PRESETS
from mp_mae.training.plan import make_plan, open_files
from mp_mae.training.recipes import RECIPES
from mp_mae.training.setting_values import read_toml
from mp_mae.training.settings import (
    MAY_CHANGE,
    Settings,
    as_fields,
    parse_assignment,
    setting_docs,
    to_toml,
    vary,
)

DEFAULT = Settings(data="DIR")


def set_one(text: str) -> Settings:
    return vary(DEFAULT, dict([parse_assignment(text)]), "command line")


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("epochs=20", "epochs", 20),
        ("size=tiny", "size", "tiny"),
        ("base_rate=1e-3", "base_rate", 1e-3),
        ("base_rate=1", "base_rate", 1.0),
        ("turn=true", "turn", True),
        ("turn=True", "turn", True),
        ("turn=False", "turn", False),
        ("keep_every=auto", "keep_every", None),
        ("patch=16", "patch", 16),
        ("patch=auto", "patch", None),
        ("preset=sentinel2,aster", "preset", ("sentinel2", "aster")),
        ('bands=["B2", "B3"]', "bands", ("B2", "B3")),
        ("bands=B2,B3", "bands", ("B2", "B3")),
        ("betas=0.9,0.99", "betas", (0.9, 0.99)),
        ("data=2024", "data", "2024"),
    ],
)
def test_a_value_of_the_command_line_gets_the_type_of_its_key(text, key, value):
    found = getattr(set_one(text), key)
    assert found == value
    assert type(found) is type(value)
    assert set_one(text) == replace(DEFAULT, **{key: value})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("epoch=20", "no setting 'epoch'. Did you mean epochs?"),
        ("epochs=many", "epochs is 'many'; wanted a whole number"),
        ("epochs=1.5", "epochs is 1.5; wanted a whole number"),
        ("epochs=true", "epochs is True; wanted a whole number"),
        ("epochs=0", "epochs is 0; pass at least 1"),
        ("patch=eight", "patch is 'eight'; wanted a whole number or auto"),
        ("turn=yes", "turn is 'yes'; wanted true or false"),
        ("preset=rgb,s2", "different bands of Sentinel-2: rgb reads B2, B3, B4; s2 reads every band. Name one of them"),
        ("preset=rgb,all", "rgb reads B2, B3, B4; all reads every band"),
        ("preset=sentinel2,rgb", "sentinel2 reads every band; rgb reads B2, B3, B4"),
        ("skip_batches=-1", "skip_batches is -1; pass at least 0"),
        ("keep_every=0", "keep_every is 0; pass at least 1"),
        ("betas=0.9", "betas is 0.9; wanted a list such as [0.9, 0.95]"),
        ("betas=0.9,much", "betas is '0.9,much'; wanted a list"),
        ("weighting=uncertain", "weighting is 'uncertain'. Did you mean uncertainty?"),
        ("precision=fp16", "precision is 'fp16'. Did you mean bf16? Pass one of auto, float32, bf16"),
        ("preset=sentinel", "preset is 'sentinel'. Did you mean sentinel"),
        ("size=small", "The encoder size is 'small'; pass one of atto"),
        ("base_rate=0", "base_rate is 0.0; pass a number above 0"),
        ("base_rate=nan", "base_rate is nan; pass a number above 0"),
        ("base_rate=inf", "base_rate is inf; pass a number above 0"),
        ("weight_decay=inf", "weight_decay is inf; pass a number"),
        ("betas=1,0.95", "betas is 1,0.95; pass two numbers from 0 to below 1"),
        ("betas=0.9,nan", "betas is 0.9,nan; pass two numbers from 0 to below 1"),
        ("seed=9223372036854775808", "pass at most 9223372036854775807"),
        ("warmup_epochs=201", "warmup_epochs is 201, more than the 200 epochs"),
        ("epochs", "wanted key=value"),
    ],
)
def test_a_bad_value_is_refused_in_one_line_that_says_what_was_wanted(text, says):
    with pytest.raises(UserError, match=re.escape(says)) as error:
        set_one(text)
    assert "\n" not in str(error.value)


def test_settings_survive_toml(tmp_path):
    odd = Settings(
        data='C:\\data "x" é',
        preset=("s2", "aster"),
        bands=("B2", "B3"),
        crop=48,
        turn=True,
        betas=(0.8, 0.9),
        clip_norm=1,
    )
    for settings in (DEFAULT, odd, *(recipe("DIR") for recipe in RECIPES.values())):
        (tmp_path / "settings.toml").write_text(to_toml(settings), encoding="utf-8")
        assert vary(Settings(data="other"), read_toml(tmp_path / "settings.toml"), "settings.toml") == settings


def gather(*words: str) -> Settings:
    return gather_settings(build_parser().parse_args(["pretrain", "--out", "runs/x", *words]))[0]


def test_a_file_alone_says_everything(tmp_path):
    file = tmp_path / "run.toml"
    file.write_text('data = "tiles"\nout = "runs/y"\nrecipe = "quick"\nepochs = 7\n')
    alone = build_parser().parse_args(["pretrain", "--config", str(file)])
    assert gather_settings(alone) == (replace(RECIPES["quick"]("tiles"), epochs=7), Path("runs/y"))
    changed = build_parser().parse_args(["pretrain", "--config", str(file), "--out", "z", "--recipe", "demo"])
    assert gather_settings(changed) == (replace(RECIPES["demo"]("tiles"), epochs=7), Path("z"))
    file.write_text('data = "tiles"\nout = "runs/y"\nrecipe = "quickly"\n')
    with pytest.raises(UserError, match=r"recipe is 'quickly'\. Did you mean quick"):
        gather_settings(alone)
    with pytest.raises(UserError, match="no folder to write to: pass --out DIR"):
        gather_settings(build_parser().parse_args(["pretrain", "--data", "tiles"]))


def test_flags_change_the_file_and_the_file_changes_the_recipe(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text('data = "from file"\nepochs = 7\nsize = "pico"\n')
    settings = gather("--recipe", "quick", "--config", str(file), "--size", "nano", "--set", "turn=true")
    assert settings == replace(RECIPES["quick"]("from file"), epochs=7, size="nano", turn=True)


def test_an_unknown_key_of_a_file_is_refused_with_the_file_named(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text("mask_ration = 0.5\n")
    with pytest.raises(UserError, match=r"mine\.toml: there is no setting 'mask_ration'. Did you mean mask_ratio"):
        gather("--data", "DIR", "--config", str(file))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "pass --data"),
        (("--data", "D", "--size", "atto", "--set", "size=tiny"), "size is set twice"),
        (("--data", "D", "--config", "nowhere.toml"), "nowhere.toml: cannot read"),
    ],
)
def test_a_command_line_that_makes_no_sense_is_refused(words, says):
    with pytest.raises(UserError, match=re.escape(says)):
        gather(*words)


def test_a_broken_file_is_refused_with_its_line(tmp_path):
    (tmp_path / "mine.toml").write_text("epochs: 3\n")
    with pytest.raises(UserError, match=r"mine\.toml: not TOML .*line 1"):
        read_toml(tmp_path / "mine.toml")


def test_presets_and_modalities_can_be_mixed():
    settings = set_one("preset=s2,aster,sentinel2")
    assert settings.modality_names() == ("sentinel2", "aster")
    assert DEFAULT.modality_names() == PRESETS["all"]


def test_bands_follow_the_preset_unless_they_are_told():
    assert DEFAULT.input_bands(MMEARTH_S2_BANDS) == MMEARTH_S2_BANDS
    assert set_one("preset=rgb").input_bands(MMEARTH_S2_BANDS) == ("B2", "B3", "B4")
    assert replace(DEFAULT, preset=("rgb",), bands=("B8",)).input_bands(MMEARTH_S2_BANDS) == ("B8",)


def test_the_defaults_are_the_papers():
    values = as_fields(RECIPES["paper"]("DIR"))
    published = {"epochs": 200, "batch": 4096, "base_rate": 1.5e-4, "weight_decay": 0.05, "betas": (0.9, 0.95)}
    assert {key: values[key] for key in published} == published
    assert (values["mask_ratio"], values["weighting"], values["normalise_optical"]) == (0.6, "uncertainty", True)


def test_every_setting_is_explained_and_every_free_one_exists():
    docs = setting_docs("mp_mae")
    assert list(docs) == list(as_fields(DEFAULT))
    assert all(docs.values())
    assert set(as_fields(DEFAULT)) >= MAY_CHANGE


def test_the_published_recipe_differs_from_ours_in_its_defects_only():
    ours, theirs = as_fields(RECIPES["paper"]("DIR")), as_fields(RECIPES["published"]("DIR"))
    assert {key for key in ours if ours[key] != theirs[key]} == {"grn", "holes", "losses"}


def test_paths_are_kept_as_they_were_typed():
    assert gather("--data", str(Path("a") / "b")).data == str(Path("a") / "b")


def test_a_quick_look_at_few_tiles_has_a_rate_that_moves_something(tmp_path):
    data = write_mmearth(tmp_path / "tiles", n=9, side=16)
    settings = vary(RECIPES["quick"](str(data)), {"crop": 16, "patch": 8}, "test")
    plan = make_plan(settings, open_files(settings), torch.device("cpu"))
    assert (plan.order.global_batch, plan.peak_rate) == (9, 1e-3)
    scaled = replace(plan, settings=replace(settings, scale_rate=True))
    assert scaled.peak_rate == pytest.approx(1e-3 * 9 / 256)
