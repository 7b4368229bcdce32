"""Checkpoints from a stranger: each is read whole or refused in one line, of either kind."""

import json
import os
import shutil
import struct
import time
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from mp_mae.checkpoint import Checkpoint, build_from_checkpoint, load_checkpoint, save_checkpoint
from mp_mae.errors import UserError
from mp_mae.files.weights_file import MAX_PICKLE_BYTES, load_weights_only
from official_checkpoint import checkpoint_content

KEY = "encoder.stages.3.1.grn.beta"
DEMO = Path(__file__).parents[2] / "baselines" / "demo_weights" / "mp_mae"


@pytest.fixture
def content():
    return checkpoint_content("56_8")


def refused(path: Path, said: str) -> None:
    began = time.perf_counter()
    with pytest.raises(UserError, match=said) as caught:
        load_checkpoint(path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 3_000
    assert time.perf_counter() - began < 5


def save(content, tmp_path) -> Path:
    torch.save(content, tmp_path / "x.pth")
    return tmp_path / "x.pth"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t * float("nan"), rf"{KEY} has \d+ values that are NaN or infinite"),
        (lambda t: t + float("inf"), rf"{KEY} has \d+ values that are NaN or infinite"),
        (lambda t: t.to_sparse(), r"x\.pth: the file wants to create torch\._utils\._rebuild_sparse_tensor"),
        (lambda t: t.to("meta"), r"x\.pth: the file wants to create torch\._utils\._rebuild_meta_tensor_no_storage"),
        (lambda t: t.to(torch.float8_e4m3fn), r"x\.pth: the file wants to create .*torch\.float8_e4m3fn"),
        (lambda t: t.to(torch.complex64), rf"{KEY} is torch\.complex64 \(wanted floating point\)"),
        (lambda t: t.to(torch.int32), rf"{KEY} is torch\.int32 \(wanted floating point\)"),
        (lambda t: "text", rf"{KEY} is str \(wanted floating point\)"),
    ],
    ids=["nan", "inf", "sparse", "meta", "float8", "complex", "int", "text"],
)
def test_an_official_tensor_that_is_no_dense_array_of_numbers_is_named(content, tmp_path, change, said):
    content["model"][KEY] = change(content["model"][KEY])
    refused(save(content, tmp_path), said)


@pytest.mark.parametrize("bands", [[torch.zeros(2)] * 12, [["B1"]] * 12, list(range(12)), ["B1"] * 12, [["B1"]] * 13])
def test_an_official_file_whose_bands_are_no_names_is_named(content, tmp_path, bands):
    content["args"].inp_modalities = {"sentinel2": bands}
    refused(save(content, tmp_path), r"^\S*x\.pth: .*bands")


@pytest.mark.parametrize("compression", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_compressed_file_is_refused_before_anything_is_unpacked(tmp_path, compression):
    with zipfile.ZipFile(tmp_path / "x.pth", "w", compression) as archive:
        archive.writestr("x/data.pkl", bytes(2**20))
    whole = bytearray((tmp_path / "x.pth").read_bytes())
    whole[60:70] = b"garbled!!!"  # what would be unpacked is no such stream, either
    (tmp_path / "x.pth").write_bytes(whole)
    refused(tmp_path / "x.pth", "the file is compressed, which torch.save never does")


def test_parts_that_overlap_are_refused_unread(content, tmp_path):
    path = save(content, tmp_path)
    whole = bytearray(path.read_bytes())
    at = -1
    while (at := whole.find(b"PK\x01\x02", at + 1)) >= 0:  # each entry of the directory: 256 MB at the same place
        whole[at + 20 : at + 28] = struct.pack("<II", 2**28, 2**28)
    path.write_bytes(whole)
    refused(path, "the file claims more content than it has")


def test_a_name_that_is_no_text_is_damage(content, tmp_path):
    path = save(content, tmp_path)
    whole = bytearray(path.read_bytes().replace(b"/version", b"/vers\xffon"))
    for signature, flags in ((b"PK\x01\x02", 9), (b"PK\x03\x04", 7)):
        at = -1
        while (at := whole.find(signature, at + 1)) >= 0:
            whole[at + flags] |= 8  # says that names are UTF-8
    path.write_bytes(whole)
    refused(path, r"x\.pth: wanted a checkpoint written by torch\.save")


def test_a_pickle_that_fills_an_object_again_and_again_is_refused_unread(tmp_path):
    """One dictionary of ten thousand entries, copied by five bytes each time."""
    entries = b"".join(b"J" + i.to_bytes(4, "little") + b"N" for i in range(10_000))
    objects = b"h\x00)\x81h\x01b" * 5_700
    data = b"\x80\x02cargparse\nNamespace\nq\x00}(" + entries + b"uq\x01" + objects + b"."
    for bomb, said in (
        (data, "the file fills 5700 objects"),
        (bytes(MAX_PICKLE_BYTES + 1), "wanted tensors, not lists"),
    ):
        with zipfile.ZipFile(tmp_path / "x.pth", "w") as archive:
            archive.writestr("x/data.pkl", bomb)
            archive.writestr("x/version", "3\n")
        refused(tmp_path / "x.pth", said)


def test_a_checkpoint_that_is_a_pipe_is_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "x.pth")
    refused(tmp_path / "x.pth", r"cannot read the checkpoint \(no regular file")
    shutil.copy(DEMO / "config.json", tmp_path)
    os.mkfifo(tmp_path / "model.safetensors")
    refused(tmp_path, r"cannot read the weights \(no regular file")


def test_a_large_number_of_functions_torch_would_allow_is_not_enough_to_run_one(tmp_path):
    for name in ("builtins\nbytearray", "_codecs\nencode", "collections\nCounter", "torch\nFloatTensor"):
        with zipfile.ZipFile(tmp_path / "x.pth", "w") as archive:
            archive.writestr("x/data.pkl", b"\x80\x02c" + name.encode() + b"\nM\xff\xff\x85R.")
        with pytest.raises(UserError, match=f"wants to create {name.replace(chr(10), '.')}, which a checkpoint has no"):
            load_weights_only(tmp_path / "x.pth")


# Our own folder


@pytest.fixture
def saved(tmp_path):
    return Path(shutil.copytree(DEMO, tmp_path / "encoder"))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_of_ours_that_are_no_numbers_are_named_when_read_and_never_written(saved, value):
    whole = load_checkpoint(saved)
    state = {**whole.state, "stem.conv.bias": whole.state["stem.conv.bias"] * value + value}
    broken = Checkpoint(encoder=whole.encoder, state=state, summary=whole.summary)
    with pytest.raises(UserError, match=r"stem\.conv\.bias has 16 values that are NaN or infinite"):
        save_checkpoint(broken, saved.with_name("other"))
    save_file(state, saved / "model.safetensors")
    refused(saved, r"model\.safetensors: .*stem\.conv\.bias has 16 values that are NaN or infinite")


def test_weights_that_turn_out_not_to_be_numbers_are_not_built(saved):
    whole = load_checkpoint(saved)
    whole.state["stem.conv.bias"].fill_(float("nan"))
    with pytest.raises(UserError, match=r"stem\.conv\.bias has 16 values that are NaN"):
        build_from_checkpoint(whole)


@pytest.mark.parametrize(
    "header",
    [struct.pack("<Q", 2**63), struct.pack("<Q", 99_000_000), struct.pack("<Q", 200_000) + b"[" * 200_000],
    ids=["2^63", "long", "deep"],
)  # fmt: skip
def test_a_hostile_header_is_refused(saved, header):
    (saved / "model.safetensors").write_bytes(header + (saved / "model.safetensors").read_bytes()[8:])
    refused(saved, r"model\.safetensors: cannot read the weights \(.*Copy the checkpoint again")


@pytest.mark.parametrize("bands", [[{}] * 12, [None] * 12, [], ["B1"] * 12, [str(i) for i in range(100_000)]])
def test_a_configuration_with_bands_that_are_none_is_refused_at_once(saved, bands):
    config = json.loads((saved / "config.json").read_text())
    (saved / "config.json").write_text(json.dumps({**config, "bands": bands}))
    refused(saved, "config.json: The encoder's bands|wanted .16, 100000, 3, 3.")


def test_the_demo_weights_are_still_read(saved):
    assert load_checkpoint(saved).sha256 == json.loads((DEMO / "config.json").read_text())["sha256"]
    assert load_file(saved / "model.safetensors").keys() == load_checkpoint(saved).state.keys()
