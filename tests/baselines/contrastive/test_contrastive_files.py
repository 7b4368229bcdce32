"""A contrastive model is written to a folder and read back, and a damaged one is named."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from baselines.contrastive.files import ContrastiveSummary, hash_model, load_model, save_model
from contrastive_models import config, model, noise
from mp_mae.errors import UserError

SUMMARY = ContrastiveSummary(normalisation={"sentinel1": {"mean": [1.0]}}, training={"steps": 3})


@pytest.fixture
def saved(tmp_path):
    save_model(tmp_path / "clip", model().state_dict(), config(), SUMMARY)
    return tmp_path / "clip"


def edit(folder, **changes):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize("architecture", ["vit", "convnext"])
def test_saving_and_loading_changes_nothing(architecture, tmp_path):
    built = model(architecture)
    save_model(tmp_path / "clip", built.state_dict(), built.config, SUMMARY)
    loaded = load_model(tmp_path / "clip")
    assert loaded.model.config == built.config
    assert loaded.summary == SUMMARY
    x = noise(2, 3, 24, 24)
    assert torch.equal(loaded.model.pooled("sentinel2", x), built.pooled("sentinel2", x))
    assert not loaded.model.training


def test_loading_draws_no_random_number(saved):
    before = torch.get_rng_state()
    load_model(saved)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_hash_is_that_of_tensors_and_configuration(saved):
    built = model()
    assert load_model(saved).sha256 == hash_model(built.state_dict(), built.config)
    assert hash_model(model(seed=1).state_dict(), built.config) != load_model(saved).sha256
    exchanged = config(modalities={**built.config.modalities, "sentinel2": ("B2", "B3", "B4")})
    assert hash_model(built.state_dict(), exchanged) != load_model(saved).sha256


def test_an_older_model_of_that_name_is_replaced(saved):
    save_model(saved, model(seed=1).state_dict(), config(), SUMMARY)
    assert load_model(saved).sha256 == hash_model(model(seed=1).state_dict(), config())


def test_another_folder_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("years")
    with pytest.raises(UserError, match="is not a model; it was left alone"):
        save_model(tmp_path, model().state_dict(), config(), SUMMARY)
    assert (tmp_path / "thesis.tex").read_text() == "years"
    with pytest.raises(UserError, match=r"thesis\.tex: exists and is not a model; it was left alone"):
        save_model(tmp_path / "thesis.tex", model().state_dict(), config(), SUMMARY)


def test_tensors_that_do_not_fit_the_configuration_are_refused(tmp_path):
    with pytest.raises(UserError, match="missing: "):
        save_model(tmp_path / "clip", model().state_dict(), config(size="small"), SUMMARY)
    assert not (tmp_path / "clip").exists()


def test_a_changed_weight_is_found(saved):
    tensors = load_file(saved / "model.safetensors")
    tensors["log_scale"] += 1
    save_file(tensors, saved / "model.safetensors")
    with pytest.raises(UserError, match=r"the weights hash to .* is damaged or not from this model"):
        load_model(saved)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": None}, "wanted a contrastive model, found another checkpoint"),
        ({"format_version": 9}, "wanted format_version 1, found 9"),
        ({"dim": "16"}, "wanted `dim` as int, found str"),
        ({"modalities": {"sentinel2": "B4"}}, "wanted a list of channels of sentinel2"),
        ({"modalities": {"sentinel2": [["B4"]], "aster": ["slope"]}}, "wanted names of the channels of sentinel2"),
        ({"size": "huge"}, "size is 'huge'"),
    ],
)
def test_a_damaged_description_is_named(saved, changes, message):
    edit(saved, **changes)
    with pytest.raises(UserError, match=message):
        load_model(saved)


def test_a_missing_folder_or_file_is_named(saved, tmp_path):
    with pytest.raises(UserError, match="no such folder"):
        load_model(tmp_path / "none")
    (saved / "config.json").unlink()
    with pytest.raises(UserError, match=r"config\.json: is missing"):
        load_model(saved)
