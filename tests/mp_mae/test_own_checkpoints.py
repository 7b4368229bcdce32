"""Our own checkpoint format, its hash, and putting weights into models."""

import hashlib
import json
import struct
from dataclasses import replace

import pytest
import timm
import torch
from safetensors.torch import load_file, save_file

from mp_mae.checkpoint import (
    Checkpoint,
    TrainingSummary,
    build_from_checkpoint,
    load_checkpoint,
    load_into,
    save_checkpoint,
)
from mp_mae.config import MMEARTH_S2_BANDS, EncoderConfig
from mp_mae.encoder import build_encoder
from mp_mae.errors import UserError


@pytest.fixture(scope="module")
def official(official_files):
    return load_checkpoint(official_files["112_16"])


@pytest.fixture
def saved(official, tmp_path):
    """A folder in our own format."""
    save_checkpoint(official, tmp_path / "saved")
    return tmp_path / "saved"


def edit_config(folder, **changes):
    path = folder / "config.json"
    described = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({name: value for name, value in described.items() if value is not ...}))


# --- round trip and hash ---


def test_saving_and_loading_changes_nothing(official, saved):
    loaded = load_checkpoint(saved)
    assert (loaded.encoder, loaded.summary) == (official.encoder, official.summary)
    assert loaded.state.keys() == official.state.keys()
    assert all(torch.equal(loaded.state[name], tensor) for name, tensor in official.state.items())


@pytest.mark.parametrize("geometry", ["56_8", "112_16"])
def test_either_format_of_the_same_weights_has_the_same_hash(geometry, official_files, tmp_path):
    official = load_checkpoint(official_files[geometry])
    save_checkpoint(official, tmp_path / "own")
    assert load_checkpoint(tmp_path / "own").sha256 == official.sha256


def test_an_old_folder_that_cannot_be_put_back_is_said_in_one_line(saved, monkeypatch):
    """Its writer was killed where names cannot be swapped, and whoever reads may not write."""
    old = saved.with_name(f".{saved.name}.{'0' * 32}.old")
    saved.rename(old)

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(saved), "rename", refuse)
    with pytest.raises(UserError, match=r"saved: .*cannot be put back .*Permission denied.* ends in \.old\.$"):
        load_checkpoint(saved)
    assert load_checkpoint(old).encoder.size == "atto"


def test_the_safetensors_file_stands_for_its_folder(saved):
    assert load_checkpoint(saved / "model.safetensors").sha256 == load_checkpoint(str(saved)).sha256


def test_the_hash_is_this_one_for_ever():
    """Runs in leaderboards are identified by it: another rule would make all of them new."""
    checkpoint = Checkpoint(
        encoder=EncoderConfig("atto", ("B2", "B3"), patch=8),
        state={"stem.b": torch.tensor([[1.0, -2.0]]), "stem.a": torch.tensor([0.5], dtype=torch.float64)},
        summary=TrainingSummary(source_layout="mp_mae"),
    )
    expected = hashlib.sha256(
        b'["atto", ["B2", "B3"], 8]'
        + (b'["stem.a", "float64", [1]]' + struct.pack("<d", 0.5))
        + (b'["stem.b", "float32", [1, 2]]' + struct.pack("<2f", 1.0, -2.0))
    )
    assert checkpoint.sha256 == expected.hexdigest()


def test_the_hash_tells_weights_and_architecture_apart(official):
    bias = official.state["stem.conv.bias"]
    bands = tuple(reversed(MMEARTH_S2_BANDS))
    changed = [
        replace(official, state={**official.state, "stem.conv.bias": torch.nextafter(bias, bias + 1)}),
        replace(official, state={**official.state, "stem.conv.bias": bias.double()}),
        replace(official, state={**official.state, "head.norm.bias": torch.ones(320)}),
        replace(official, encoder=replace(official.encoder, bands=bands)),
        replace(official, encoder=replace(official.encoder, patch=8)),
        replace(official, encoder=replace(official.encoder, size="femto")),
    ]
    assert len({official.sha256, *(checkpoint.sha256 for checkpoint in changed)}) == 1 + len(changed)


def test_the_hash_ignores_padding_summary_and_the_order_of_tensors(official):
    same = [
        replace(official, encoder=replace(official.encoder, padding="published")),
        replace(official, encoder=replace(official.encoder, grn_eps=1e-3)),
        replace(official, summary=TrainingSummary(source_layout="mp_mae")),
        replace(official, state=dict(reversed(official.state.items()))),
    ]
    assert {checkpoint.sha256 for checkpoint in same} == {official.sha256}


def test_a_trained_final_norm_survives(official, tmp_path):
    norm = {"head.norm.weight": torch.full((320,), 2.0), "head.norm.bias": torch.full((320,), 3.0)}
    save_checkpoint(replace(official, state={**official.state, **norm}), tmp_path / "own")
    model = build_from_checkpoint(load_checkpoint(tmp_path / "own"))
    assert torch.equal(model.head.norm.weight, norm["head.norm.weight"])
    assert torch.equal(model.head.norm.bias, norm["head.norm.bias"])


def test_half_precision_weights_keep_their_precision(official, tmp_path):
    half = replace(official, state={name: tensor.bfloat16() for name, tensor in official.state.items()})
    save_checkpoint(half, tmp_path / "half")
    loaded = load_checkpoint(tmp_path / "half")
    assert loaded.sha256 == half.sha256
    assert loaded.state["stem.conv.bias"].dtype == torch.bfloat16


# --- writing ---


def test_saving_replaces_an_older_checkpoint_and_leaves_nothing_else(official, saved):
    newer = replace(official, state={**official.state, "head.norm.bias": torch.ones(320)})
    save_checkpoint(newer, saved)
    assert load_checkpoint(saved).sha256 == newer.sha256
    assert [path.name for path in saved.parent.iterdir()] == ["saved"]


def test_a_write_that_fails_leaves_the_older_checkpoint_and_no_rest(official, saved, monkeypatch):
    def full_disk(tensors, path):
        path.write_bytes(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mp_mae.files.weights_folder.save_file", full_disk)
    newer = replace(official, state={**official.state, "head.norm.bias": torch.ones(320)})
    with pytest.raises(UserError, match=r"saved: cannot write the checkpoint .*No space left"):
        save_checkpoint(newer, saved)
    assert load_checkpoint(saved).sha256 == official.sha256
    assert [path.name for path in saved.parent.iterdir()] == ["saved"]


def test_saving_makes_the_folders_above(official, tmp_path):
    save_checkpoint(official, tmp_path / "a" / "b")
    assert sorted(path.name for path in (tmp_path / "a" / "b").iterdir()) == ["config.json", "model.safetensors"]


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_something_else_of_that_name_is_left_alone(kind, official, tmp_path):
    if kind == "folder":
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "thesis.tex").write_text("all of it")
    else:
        (tmp_path / "out").write_text("all of it")
    with pytest.raises(UserError, match="is not a checkpoint; it was left alone"):
        save_checkpoint(official, tmp_path / "out")
    kept = tmp_path / "out" / "thesis.tex" if kind == "folder" else tmp_path / "out"
    assert kept.read_text() == "all of it"


def test_a_place_that_cannot_be_written_is_named(official, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(UserError, match=r"out: cannot write the checkpoint .*Choose another folder"):
        save_checkpoint(official, tmp_path / "file" / "out")


def test_tensors_that_do_not_fit_are_not_written(official, tmp_path):
    state = {name: tensor for name, tensor in official.state.items() if name != "head.norm.bias"}
    with pytest.raises(UserError, match=r"missing: head\.norm\.bias"):
        save_checkpoint(replace(official, state=state), tmp_path / "out")
    assert not (tmp_path / "out").exists()


# --- reading what is not right ---


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"nowhere\.pth: no such checkpoint"):
        load_checkpoint(tmp_path / "nowhere.pth")


def test_a_folder_without_a_checkpoint_is_named(tmp_path):
    with pytest.raises(UserError, match=r"config\.json: is missing\. .*holds model\.safetensors and config\.json"):
        load_checkpoint(tmp_path)


def test_a_folder_without_weights_is_named(saved):
    (saved / "model.safetensors").unlink()
    with pytest.raises(UserError, match=r"model\.safetensors: cannot read the weights"):
        load_checkpoint(saved)


def test_a_flipped_bit_in_the_weights_is_noticed(saved):
    data = bytearray((saved / "model.safetensors").read_bytes())
    data[-1000] ^= 1
    (saved / "model.safetensors").write_bytes(data)
    with pytest.raises(UserError, match=r"model\.safetensors: the weights hash to .*damaged"):
        load_checkpoint(saved)


def test_weights_that_were_cut_short_are_noticed(saved):
    data = (saved / "model.safetensors").read_bytes()
    (saved / "model.safetensors").write_bytes(data[:-1000])
    with pytest.raises(UserError, match=r"model\.safetensors: cannot read the weights"):
        load_checkpoint(saved)


def test_edited_band_names_are_noticed(saved):
    edit_config(saved, bands=list(reversed(MMEARTH_S2_BANDS)))
    with pytest.raises(UserError, match=r"the weights hash to"):
        load_checkpoint(saved)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format_version": 2}, "wanted format_version 1, found 2"),
        ({"format_version": ...}, "wanted format_version 1, found None"),
        ({"size": "giant"}, r"config\.json: The encoder size is 'giant'"),
        ({"size": "femto"}, r"wrong: .*stem\.conv\.weight is \[40, 12, 3, 3\] \(wanted \[48, 12, 3, 3\]\)"),
        ({"patch": 8}, r"wrong: stem\.patch\.weight is \[40, 1, 2, 2\] \(wanted \[40, 1, 1, 1\]\)"),
        ({"patch": "16"}, r"config\.json: `patch` is str"),
        ({"bands": [*MMEARTH_S2_BANDS, "B10"]}, r"stem\.conv\.weight is \[40, 12, 3, 3\] \(wanted \[40, 13, 3, 3\]\)"),
        ({"bands": ...}, r"config\.json: `bands` is nothing"),
        ({"bands": [[], 1]}, r"config\.json: The encoder's bands are"),
        ({"training": []}, r"config\.json: `training` is list"),
        ({"sha256": "0" * 64}, "config.json says 0000"),
    ],
)
def test_a_config_that_does_not_describe_the_weights_is_refused(changes, message, saved):
    edit_config(saved, **changes)
    with pytest.raises(UserError, match=message):
        load_checkpoint(saved)


@pytest.mark.parametrize(("text", "message"), [("{", "not JSON"), ("[1]", "found list"), ("\xff", "not JSON")])
def test_a_config_that_is_not_a_json_object_is_refused(text, message, saved):
    (saved / "config.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(UserError, match=rf"config\.json: .*{message}"):
        load_checkpoint(saved)


def test_missing_and_unexpected_tensors_are_named(saved):
    tensors = load_file(saved / "model.safetensors")
    tensors["head.fc.weight"] = tensors.pop("stem.conv.bias")
    save_file(tensors, saved / "model.safetensors")
    with pytest.raises(UserError, match=r"missing: stem\.conv\.bias; unexpected: head\.fc\.weight"):
        load_checkpoint(saved)


# --- weights into models ---


@pytest.mark.parametrize("padding", ["same", "published"])
def test_building_from_a_checkpoint_uses_every_tensor_and_draws_no_random_number(padding, official):
    before = torch.random.get_rng_state()
    model = build_from_checkpoint(official, padding)
    assert torch.equal(torch.random.get_rng_state(), before)
    state = model.state_dict()
    assert state.keys() == official.state.keys()
    assert all(torch.equal(state[name], tensor) for name, tensor in official.state.items())
    expected = build_encoder(replace(official.encoder, padding=padding))
    expected.load_state_dict(official.state)
    pixels = torch.randn(1, 12, 32, 32)
    with torch.no_grad():
        assert torch.equal(model.eval()(pixels), expected.eval()(pixels))


def test_training_a_model_does_not_change_the_checkpoint(official):
    before = official.state["head.norm.weight"].clone()
    with torch.no_grad():
        build_from_checkpoint(official).head.norm.weight.add_(1)
    assert torch.equal(official.state["head.norm.weight"], before)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            EncoderConfig("atto", MMEARTH_S2_BANDS, patch=8),
            "differ in patch: 8 px in the model, 16 px in the checkpoint",
        ),
        (
            EncoderConfig("femto", MMEARTH_S2_BANDS, patch=16),
            "differ in size: femto in the model, atto in the checkpoint",
        ),
        (
            EncoderConfig("atto", ("B2", "B3"), patch=16),
            r"differ in bands: 2 in the model, 12 \(B1 B2 .* in the checkpoint",
        ),
    ],
)
def test_weights_of_another_encoder_are_refused_and_the_model_is_left_alone(config, message, official):
    model = build_encoder(config)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(UserError, match=message):
        load_into(model, official)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_missing_and_unexpected_tensors_are_named_before_anything_is_loaded(official):
    state = {"head.fc.bias" if name == "stem.conv.bias" else name: tensor for name, tensor in official.state.items()}
    spoiled = Checkpoint(encoder=official.encoder, state=state, summary=official.summary)
    with pytest.raises(UserError, match=r"missing: stem\.conv\.bias; unexpected: head\.fc\.bias"):
        build_from_checkpoint(spoiled)


def test_a_classifier_keeps_its_own_weights(official):
    model = timm.create_model("mp_mae_convnextv2_atto", patch=16, num_classes=4)
    classifier = model.head.fc.weight.clone()
    load_into(model, official)
    assert torch.equal(model.head.fc.weight, classifier)
    assert torch.equal(model.stem.conv.weight, official.state["stem.conv.weight"])
