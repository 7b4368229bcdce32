"""Reading the MMEarth project's own checkpoints: safely, strictly, exactly."""

import argparse
import os
import pathlib
import sys
import types
import zipfile
from functools import partial

import numpy as np
import pytest
import torch

from mp_mae.checkpoint import load_checkpoint
from mp_mae.config import MMEARTH_S2_BANDS, EncoderConfig
from mp_mae.errors import UserError
from mp_mae.files.weights_file import load_weights_only
from mp_mae.official.files import read_official
from mp_mae.official.layout import from_official, to_official
from official_checkpoint import BANDS, PATCHES, checkpoint_content, model_tensors, write_checkpoint

SHARED = pathlib.Path(__file__).parents[4] / "shared" / "golden"


@pytest.fixture(scope="module")
def pristine():
    return checkpoint_content("112_16")


@pytest.fixture
def content(pristine):
    """The 16 px file's content, to be spoiled: entries may be replaced, not changed in place."""
    return {**pristine, "model": dict(pristine["model"]), "args": argparse.Namespace(**vars(pristine["args"]))}


@pytest.fixture
def written(tmp_path):
    """Writes a content and returns its path."""
    return partial(write_checkpoint, tmp_path / "spoiled.pth")


# --- what a good file gives ---


@pytest.mark.parametrize("geometry", PATCHES)
def test_size_patch_and_bands_are_read_from_the_file(geometry, official_files):
    official = read_official(official_files[geometry])
    assert official.encoder == EncoderConfig("atto", MMEARTH_S2_BANDS, patch=PATCHES[geometry])
    assert official.unknown_keys == ()
    assert official.modalities["inputs"] == {"sentinel2": BANDS}
    assert official.modalities["outputs"]["era5"] == "all"
    assert official.training["epoch"] == 199
    assert official.training["mask_ratio"] == 0.6
    assert "data_dir" not in official.training


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module."])
def test_a_wrapper_around_the_whole_model_changes_nothing(prefix, content, written):
    plain = read_official(written(content))
    wrapped = read_official(written({**content, "model": {prefix + k: v for k, v in content["model"].items()}}))
    assert (wrapped.encoder, wrapped.unknown_keys) == (plain.encoder, plain.unknown_keys)
    assert all(torch.equal(wrapped.state[name], tensor) for name, tensor in plain.state.items())


def test_an_encoder_that_was_wrapped_alone_is_the_encoder(content, written):
    some = {f"module.{k}" if k.startswith("encoder.") else k: v for k, v in content["model"].items()}
    plain, wrapped = read_official(written(content)), read_official(written({**content, "model": some}))
    assert all(torch.equal(wrapped.state[name], tensor) for name, tensor in plain.state.items())


def test_of_model_and_model_ema_one_must_be_named(content, written):
    averaged = {f"module.{name}": 2 * tensor for name, tensor in content["model"].items()}
    alone = load_checkpoint(written({**{k: v for k, v in content.items() if k != "model"}, "model_ema": averaged}))
    path = written({**content, "model_ema": averaged})
    with pytest.raises(UserError, match=r"holds 2 sets .*spoiled\.pth#model or \S*spoiled\.pth#model_ema\.module"):
        load_checkpoint(path)
    chosen = {name: load_checkpoint(path.with_name(f"{path.name}#{name}")) for name in ("model", "model_ema")}
    assert chosen["model_ema"].sha256 == alone.sha256 != chosen["model"].sha256


def test_numpy_numbers_beside_the_weights_change_nothing(content, written):
    plain = load_checkpoint(written(content)).sha256
    assert load_checkpoint(written({**content, "best_loss": np.float64(0.5), "curve": np.ones(3)})).sha256 == plain


@pytest.mark.parametrize("geometry", PATCHES)
def test_converting_to_timm_and_back_is_exact_both_ways(geometry):
    encoder = {name: t for name, t in model_tensors(geometry).items() if name.startswith("encoder.")}
    state = from_official(encoder)
    back = to_official(state)
    assert list(back) == list(encoder)  # also the order
    for name, tensor in encoder.items():
        assert torch.equal(back[name], tensor), name
    again = from_official(back)
    assert all(torch.equal(again[name], state[name]) for name in state)


def test_kernel_rows_run_over_image_rows_first():
    kernel = torch.arange(9.0).reshape(9, 1, 1).expand(9, 12, 40)
    encoder = {name: t for name, t in model_tensors("56_8").items() if name.startswith("encoder.")}
    dense = from_official({**encoder, "encoder.initial_conv.0.kernel": kernel})["stem.conv.weight"]
    assert dense.shape == (40, 12, 3, 3)
    assert dense[0, 0].tolist() == [[0.0, 3.0, 6.0], [1.0, 4.0, 7.0], [2.0, 5.0, 8.0]]  # W[h, w] = kernel[h + 3 w]


def test_the_final_norm_starts_fresh(official_files):
    state = read_official(official_files["56_8"]).state
    assert torch.equal(state["head.norm.weight"], torch.ones(320))
    assert torch.equal(state["head.norm.bias"], torch.zeros(320))


def test_tensors_own_their_memory(content, written):
    path = written(content)
    state = read_official(path).state
    before = state["stages.0.blocks.0.mlp.fc1.weight"].clone()
    path.write_bytes(b"\0" * path.stat().st_size)  # a training run may overwrite its file while we use the weights
    assert torch.equal(state["stages.0.blocks.0.mlp.fc1.weight"], before)


@pytest.mark.parametrize("geometry", PATCHES)
def test_regenerated_weights_equal_the_golden_file(geometry):
    golden = SHARED / f"official_layout_atto_{geometry}.pth"
    if not golden.is_file():
        pytest.skip(f"needs {golden}")
    allowed = [argparse.Namespace, (pathlib.PurePosixPath, "pathlib.PosixPath")]
    with torch.serialization.safe_globals(allowed):
        expected = torch.load(golden, map_location="cpu", weights_only=True)["model"]
    ours = model_tensors(geometry)
    assert list(ours) == list(expected)
    for name, tensor in expected.items():
        np.testing.assert_array_equal(ours[name].numpy(), tensor.numpy(), err_msg=name, strict=True)


@pytest.mark.parametrize("geometry", PATCHES)
def test_the_golden_file_itself_loads(geometry, official_files):
    golden = SHARED / f"official_layout_atto_{geometry}.pth"
    if not golden.is_file():
        pytest.skip(f"needs {golden}")
    assert load_checkpoint(golden).sha256 == load_checkpoint(official_files[geometry]).sha256


# --- bands ---


@pytest.mark.parametrize(
    ("listed", "channels", "expected"),
    [
        ([*BANDS[:10], "B10", *BANDS[10:]], 12, MMEARTH_S2_BANDS),
        ("all", 12, MMEARTH_S2_BANDS),
        (None, 12, MMEARTH_S2_BANDS),
        (None, 3, ("B2", "B3", "B4")),
        (["B4", "B3", "B2"], 3, ("B4", "B3", "B2")),
    ],
    ids=["B10 is dropped", "all", "not said, 12", "not said, 3", "own order"],
)
def test_bands_come_from_the_arguments_or_from_the_channel_count(listed, channels, expected, content, written):
    kernel = content["model"]["encoder.initial_conv.0.kernel"]
    content["model"]["encoder.initial_conv.0.kernel"] = kernel[:, :channels].clone()
    content["args"].inp_modalities = {"sentinel2": listed}
    assert read_official(written(content)).encoder.bands == expected


def test_a_file_without_arguments_has_the_usual_bands(content, written):
    del content["args"]
    official = read_official(written(content))
    assert official.encoder.bands == MMEARTH_S2_BANDS
    assert official.modalities == {}


@pytest.mark.parametrize(
    ("listed", "message"),
    [(["B2", "B3"], r"reads 4 channels, but .* list 2 Sentinel-2 bands \(B2 B3\)"), (None, "does not name them")],
)
def test_bands_that_cannot_be_named_are_refused(listed, message, content, written):
    kernel = content["model"]["encoder.initial_conv.0.kernel"]
    content["model"]["encoder.initial_conv.0.kernel"] = kernel[:, :4].clone()
    content["args"].inp_modalities = {"sentinel2": listed}
    with pytest.raises(UserError, match=message):
        read_official(written(content))


# --- hazards ---


class Shell:
    """Unpickles to a call of os.system."""

    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


def test_a_pickle_that_calls_a_shell_is_refused_by_name_and_not_executed(content, written, tmp_path):
    content["args"] = Shell(f"touch {tmp_path / 'executed'}")
    with pytest.raises(UserError, match=rf"spoiled\.pth.*{os.name}\.system.*nothing was executed"):
        load_checkpoint(written(content))
    assert not (tmp_path / "executed").exists()


def test_an_unknown_class_is_refused_by_name(content, written):
    content["scaler"] = types.SimpleNamespace(scale=1.0)
    with pytest.raises(UserError, match=r"wants to create types\.SimpleNamespace"):
        load_checkpoint(written(content))


def test_a_path_written_by_python_3_13_is_read(content, written, monkeypatch):
    moved = types.ModuleType("pathlib._local")
    moved.PosixPath = type("PosixPath", (pathlib.PurePosixPath,), {"__module__": "pathlib._local"})
    monkeypatch.setitem(sys.modules, "pathlib._local", moved)
    content["args"].data_dir = moved.PosixPath("data_1M_v001")
    assert read_official(written(content)).encoder.patch == 16


def test_reading_leaves_torch_s_own_allow_list_as_it_was(official_files):
    before = set(torch.serialization.get_safe_globals())
    read_official(official_files["112_16"])
    assert set(torch.serialization.get_safe_globals()) == before


def test_unknown_extra_tensors_are_reported_and_known_decoder_ones_are_not(content, written):
    content["model"]["teacher.weight"] = torch.zeros(3)
    content["model"]["pred_dict.lat.weight"] = torch.zeros(2, 512)
    assert load_checkpoint(written(content)).summary.unknown_keys == ("teacher.weight",)


# --- files that are not what they should be ---


def test_a_missing_tensor_is_named(content, written):
    del content["model"]["encoder.stages.2.5.grn.beta"]
    with pytest.raises(UserError, match=r"spoiled\.pth.*missing: encoder\.stages\.2\.5\.grn\.beta"):
        read_official(written(content))


def test_an_unexpected_tensor_is_named(content, written):
    content["model"]["encoder.stages.0.2.grn.beta"] = torch.zeros(1, 160)
    with pytest.raises(UserError, match=r"unexpected: encoder\.stages\.0\.2\.grn\.beta"):
        read_official(written(content))


def test_a_wrongly_shaped_tensor_is_named_with_both_shapes(content, written):
    content["model"]["encoder.stages.1.0.dwconv.kernel"] = torch.zeros(25, 80)
    with pytest.raises(UserError, match=r"stages\.1\.0\.dwconv\.kernel is \[25, 80\] \(wanted \[49, 80\]\)"):
        read_official(written(content))


@pytest.mark.parametrize(("value", "kind"), [(torch.zeros(320).long(), "int64"), ([0.0] * 320, "list")])
def test_a_tensor_that_is_no_floating_point_tensor_is_named(value, kind, content, written):
    content["model"]["encoder.stages.3.0.norm.ln.weight"] = value
    with pytest.raises(UserError, match=rf"stages\.3\.0\.norm\.ln\.weight is .*{kind}"):
        read_official(written(content))


@pytest.mark.parametrize(
    ("name", "tensor", "message"),
    [
        ("encoder.stem_orig.0.kernel", torch.zeros(4, 12, 40), r"original ConvNeXt stem.*not supported"),
        ("encoder.initial_conv.0.kernel", torch.zeros(9, 12, 41), r"41 channels wide.*40 \(atto\)"),
        ("encoder.initial_conv.0.kernel", torch.zeros(9, 40), r"of shape \[9, 40\].*3 axes"),
        ("encoder.stem.0.kernel", torch.zeros(9, 40), r"9 kernel rows.*wanted 1 \(8 px patches\) or 4"),
        # the widths of "femto": everything else is then of the wrong shape
        (
            "encoder.initial_conv.0.kernel",
            torch.zeros(9, 12, 48),
            r"wrong: .*stages\.0\.0\.dwconv\.kernel is \[49, 40\]",
        ),
    ],
)
def test_an_encoder_we_do_not_know_is_refused(name, tensor, message, content, written):
    content["model"][name] = tensor
    with pytest.raises(UserError, match=message):
        read_official(written(content))


@pytest.mark.parametrize(
    "content", [{"epoch": 3}, {"model": [1]}, {"model": {"conv.weight": torch.zeros(2)}}, [1], {"model": {3: 4}}]
)
def test_another_kind_of_torch_file_is_refused(content, written):
    with pytest.raises(UserError, match=r"an MMEarth pretraining checkpoint"):
        read_official(written(content))


def test_the_older_format_is_read_to_the_bit(content, tmp_path):
    torch.save(content, tmp_path / "new.pth")
    torch.save(content, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    assert load_checkpoint(tmp_path / "old.pth").sha256 == load_checkpoint(tmp_path / "new.pth").sha256


def test_the_older_format_executes_nothing_and_claims_no_more_than_it_has(tmp_path):
    path = tmp_path / "old.pth"
    torch.save({"a": torch.zeros(300), "b": Shell("x")}, path, _use_new_zipfile_serialization=False)
    with pytest.raises(UserError, match=rf"wants to create {os.name}\.system"):
        load_weights_only(path)
    torch.save({"a": torch.zeros(300)}, path, _use_new_zipfile_serialization=False)
    large = path.read_bytes().replace(b"M\x2c\x01", b"J\x2c\x01\x00\x7f")  # 300 numbers become two thousand million
    path.write_bytes(large)
    with pytest.raises(UserError, match="claims more content than it has"):
        load_weights_only(path)


@pytest.mark.parametrize("data", [b"", b"a text file\n", b"PK\x03\x04 not really"], ids=["empty", "text", "not a zip"])
def test_a_file_that_torch_did_not_write_is_refused(data, tmp_path):
    path = tmp_path / "notes.pth"
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"notes\.pth: wanted a checkpoint written by torch\.save.*Download it again"):
        load_checkpoint(path)


def test_another_zip_file_is_refused(tmp_path):
    path = tmp_path / "arrays.pth"
    with path.open("wb") as file:
        np.savez(file, a=np.zeros(3))
    with pytest.raises(UserError, match=r"arrays\.pth: wanted a checkpoint written by torch\.save"):
        load_checkpoint(path)


@pytest.mark.parametrize("pickled", [b"", b"\x80\x02", b"\x80\x020", b"\x80\x02\xff.", b"\x80\x02N\x85R."])
def test_a_torch_file_whose_pickle_is_nonsense_is_refused(pickled, tmp_path):
    path = tmp_path / "nonsense.pth"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("nonsense/data.pkl", pickled)
        archive.writestr("nonsense/version", "3\n")
    with pytest.raises(
        UserError, match=r"nonsense\.pth: wanted a checkpoint written by torch\.save.* \(.+\)\. Download"
    ):
        load_checkpoint(path)


def test_a_download_that_was_cut_short_is_refused(official_files, tmp_path):
    path = tmp_path / "short.pth"
    path.write_bytes(official_files["112_16"].read_bytes()[:1_000_000])
    with pytest.raises(UserError, match=r"short\.pth: wanted .*cut short"):
        load_checkpoint(path)


def test_a_flipped_bit_is_noticed(official_files, tmp_path):
    damaged = bytearray(official_files["112_16"].read_bytes())
    damaged[len(damaged) // 2] ^= 1
    path = tmp_path / "damaged.pth"
    path.write_bytes(damaged)
    with pytest.raises(UserError, match=r"damaged\.pth: the part .* fails its checksum"):
        load_checkpoint(path)
