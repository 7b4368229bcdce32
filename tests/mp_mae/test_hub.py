"""Encoders through huggingface_hub's mixin, with local folders alone."""

import json

import pytest
import timm
import torch

from mp_mae.checkpoint import Checkpoint, TrainingSummary, build_from_checkpoint, load_checkpoint, save_checkpoint
from mp_mae.config import EncoderConfig
from mp_mae.encoder import build_encoder
from mp_mae.errors import UserError
from mp_mae.hub import PretrainedEncoder


@pytest.fixture(scope="module")
def checkpoint():
    config = EncoderConfig("atto", ("B2", "B3", "B4"), 8)
    torch.manual_seed(0)
    summary = TrainingSummary(source_layout="mp_mae", training={"steps": 3}, normalisation={"sentinel2": {}})
    return Checkpoint(encoder=config, state=build_encoder(config).state_dict(), summary=summary)


def test_what_is_saved_for_the_hub_is_our_format_and_loads_the_same(checkpoint, tmp_path):
    PretrainedEncoder(checkpoint).save_pretrained(tmp_path / "repository")
    assert {path.name for path in (tmp_path / "repository").iterdir()} == {
        "config.json",
        "model.safetensors",
        "README.md",
    }
    assert load_checkpoint(tmp_path / "repository").sha256 == checkpoint.sha256
    loaded = PretrainedEncoder.from_pretrained(tmp_path / "repository")
    assert loaded.checkpoint.summary == checkpoint.summary
    assert not loaded.training
    pixels = torch.randn(2, 3, 24, 24)
    with torch.inference_mode():
        model = build_from_checkpoint(checkpoint).eval()
        wanted = model.forward_head(model.forward_features(pixels), pre_logits=True)
        assert torch.equal(loaded(pixels), wanted)


def test_an_exported_encoder_is_a_repository_already(checkpoint, tmp_path):
    save_checkpoint(checkpoint, tmp_path / "encoder")
    assert PretrainedEncoder.from_pretrained(str(tmp_path / "encoder")).checkpoint.sha256 == checkpoint.sha256


def test_saving_again_replaces_weights_that_were_trained_since(checkpoint, tmp_path):
    encoder = PretrainedEncoder(checkpoint)
    encoder.save_pretrained(tmp_path)
    with torch.no_grad():
        encoder.encoder.stem.conv.bias.add_(1)
    encoder.save_pretrained(tmp_path)
    loaded = PretrainedEncoder.from_pretrained(tmp_path)
    assert torch.equal(loaded.encoder.stem.conv.bias, encoder.encoder.stem.conv.bias)
    assert loaded.checkpoint.sha256 != checkpoint.sha256


def test_padding_is_chosen_when_loading(checkpoint, tmp_path):
    save_checkpoint(checkpoint, tmp_path / "encoder")
    published = PretrainedEncoder.from_pretrained(tmp_path / "encoder", padding="published")
    assert published.encoder.forward_features(torch.randn(1, 3, 56, 56)).shape[-2:] == (6, 6)


@pytest.mark.parametrize(("size", "patch", "bands"), [("demo", 8, ("B2", "B3", "B4")), ("atto", 16, ("B8", "B4"))])
def test_timm_loads_an_exported_encoder_and_computes_the_same(tmp_path, size, patch, bands):
    config = EncoderConfig(size, bands, patch)
    torch.manual_seed(0)
    made = build_encoder(config)
    summary = TrainingSummary(source_layout="mp_mae")
    save_checkpoint(Checkpoint(encoder=config, state=made.state_dict(), summary=summary), tmp_path / "encoder")
    model = timm.create_model(f"local-dir:{tmp_path / 'encoder'}", pretrained=True)
    assert model.pretrained_cfg["input_size"] == (len(bands), 7 * patch, 7 * patch)
    pixels = torch.randn(2, len(bands), 32, 48)
    with torch.inference_mode():
        assert torch.equal(model.eval()(pixels), made.eval()(pixels))

    classifier = timm.create_model(f"local-dir:{tmp_path / 'encoder'}", pretrained=True, num_classes=4)
    assert classifier(pixels).shape == (2, 4)
    assert torch.equal(classifier.stages[0].blocks[0].conv_dw.weight, made.stages[0].blocks[0].conv_dw.weight)


def test_the_hub_is_asked_for_what_a_repository_says(checkpoint, tmp_path, monkeypatch):
    PretrainedEncoder(checkpoint).save_pretrained(tmp_path)
    fetch = lambda repo_id, filename, **_: tmp_path / filename  # noqa: E731 - as the hub's function is called
    monkeypatch.setattr("timm.models._hub.hf_hub_download", fetch)
    model = timm.create_model("hf-hub:somebody/encoder", pretrained=True)
    assert torch.equal(model.stem.conv.weight, checkpoint.state["stem.conv.weight"])


def test_the_card_says_what_the_model_is(checkpoint, tmp_path):
    PretrainedEncoder(checkpoint).save_pretrained(tmp_path)
    card = (tmp_path / "README.md").read_text()
    assert "library_name: mp-mae-bench" in card
    assert "from mp_mae.hub import PretrainedEncoder" in card


def test_incomplete_weights_are_refused(checkpoint, tmp_path):
    save_checkpoint(checkpoint, tmp_path / "encoder")
    described = json.loads((tmp_path / "encoder" / "config.json").read_text())
    (tmp_path / "encoder" / "config.json").write_text(json.dumps({**described, "size": "femto"}))
    with pytest.raises(UserError, match="do not fit"):
        PretrainedEncoder.from_pretrained(tmp_path / "encoder")
    with pytest.raises(UserError, match="strict=False would leave weights random"):
        PretrainedEncoder.from_pretrained(tmp_path / "encoder", strict=False)
