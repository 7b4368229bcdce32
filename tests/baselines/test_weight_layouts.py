"""Weights in the layouts people have them in: the right tensors to the bit, or a line that says what was found."""

import re
import zipfile

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from baselines.weights.fitting import find_weights
from mp_mae.errors import UserError


def network(seed=0):
    """Convolution, batch norm and a linear layer, drawn from the seed; its norm has seen something."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 2))
    model[1].running_mean.normal_()
    return model


def state(seed=1):
    return network(seed).state_dict()


def prefixed(prefix, tensors):
    return {f"{prefix}{name}": tensor for name, tensor in tensors.items()}


def numpy_arrays(tensors):
    return {name: tensor.numpy() for name, tensor in tensors.items()}


def find(path, **options):
    return find_weights(path, network(), what="the weights of a toy", advice="Pass others", **options)


def saved(tmp_path, content, **how):
    torch.save(content, tmp_path / "w.pth", **how)
    return tmp_path / "w.pth"


def same(found, expected):
    return found.keys() == expected.keys() and all(torch.equal(found[name], expected[name]) for name in expected)


LAYOUTS = {
    "bare": lambda own: own,
    "state_dict": lambda own: {"state_dict": own, "epoch": 3, "optimizer": {"state": {0: torch.zeros(4)}}},
    "model": lambda own: {"model": own, "best_accuracy": np.float64(0.5), "lr": np.float32(1), "done": np.bool_(True)},
    "model_state_dict": lambda own: {"model_state_dict": own, "optimizer_state_dict": {"param_groups": [{"lr": 0.1}]}},
    "model_ema": lambda own: {"model_ema": own, "history": np.arange(5)},
    "teacher": lambda own: {"teacher": prefixed("backbone.", own), "student": {"head.weight": torch.zeros(2, 2)}},
    "module.": lambda own: prefixed("module.", own),
    "_orig_mod.": lambda own: prefixed("_orig_mod.", own),
    "module._orig_mod.": lambda own: {"model": prefixed("module._orig_mod.", own)},
    "_orig_mod.module.": lambda own: {"net": prefixed("_orig_mod.module.", own)},
    "encoder. beside a decoder": lambda own: prefixed("encoder.", own) | {"decoder.weight": torch.zeros(3)},
    "encoder": lambda own: {"encoder": own, "decoder": {"0.weight": torch.zeros(3)}},
    "Lightning": lambda own: {"state_dict": prefixed("net.backbone.", own), "hyper_parameters": {"depth": 3}},
    "parameters": lambda own: {"model": {name: nn.Parameter(t, requires_grad=False) for name, t in own.items()}},
    "NumPy arrays": lambda own: {"backbone": numpy_arrays(own)},
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "before torch 1.6"])
def test_every_layout_gives_the_tensors_to_the_bit(layout, zipped, tmp_path):
    path = saved(tmp_path, LAYOUTS[layout](state()), _use_new_zipfile_serialization=zipped)
    assert same(find(path).state, state())


@pytest.mark.parametrize("prefix", ["", "module.", "model.encoder."])
@pytest.mark.parametrize("metadata", [None, {"format": "pt"}, {"a": "b"}])
def test_safetensors_with_any_prefix_and_metadata(prefix, metadata, tmp_path):
    save_file(prefixed(prefix, state()), tmp_path / "w.safetensors", metadata=metadata)
    found = find(tmp_path / "w.safetensors")
    assert same(found.state, state())
    assert found.place == f"w.safetensors#{prefix}".rstrip("#.")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_become_the_models(dtype, tmp_path):
    halved = {name: t.to(dtype) if t.is_floating_point() else t for name, t in state().items()}
    found = find(saved(tmp_path, halved)).state
    assert same(found, {name: halved[name].to(t.dtype) for name, t in state().items()})


def test_tensors_of_another_device_and_tensors_in_one_storage(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.serialization, "location_tag", lambda storage: "cuda:0")
    one = torch.arange(20.0)
    tied = state() | {"1.weight": one[:4], "1.bias": one[2:6], "1.running_var": one[:4]}
    assert same(find(saved(tmp_path, tied)).state, tied)


def test_numpy_arrays_of_any_order_and_byte_order(tmp_path):
    arrays = numpy_arrays(state())
    arrays["0.weight"] = np.asfortranarray(arrays["0.weight"])
    arrays["3.weight"] = arrays["3.weight"].astype(">f4")
    assert same(find(saved(tmp_path, arrays)).state, state())


def test_what_counts_may_be_absent_and_stays_the_models(tmp_path):
    old = {name: tensor for name, tensor in state().items() if name != "1.num_batches_tracked"}
    assert same(find(saved(tmp_path, old)).state, state())


def test_what_is_spare_is_left_out_and_what_may_be_lacking_is_the_models(tmp_path):
    content = {name: t for name, t in state().items() if name != "3.bias"} | {"head.weight": torch.zeros(2)}
    found = find(saved(tmp_path, content), spare=("head.",), may_lack={"3.bias"}).state
    assert same(found, state() | {"3.bias": network().state_dict()["3.bias"]})


def test_names_of_others_are_translated_behind_any_prefix(tmp_path):
    def rename(tensors):
        return {name.replace("conv", "0"): tensor for name, tensor in tensors.items()}

    theirs = {name.replace("0.", "conv.", 1) if name.startswith("0.") else name: t for name, t in state().items()}
    found = find(saved(tmp_path, {"state_dict": prefixed("module.", theirs)}), rename=rename)
    assert same(found.state, state())
    assert found.place == "w.pth#state_dict.module"


# --- which of several ---


def test_of_two_sets_that_differ_one_must_be_named(tmp_path):
    path = saved(tmp_path, {"model": state(1), "model_ema": prefixed("module.", state(2))})
    with pytest.raises(UserError, match=r"holds 2 sets .*w\.pth#model or \S*w\.pth#model_ema\.module$"):
        find(path)
    for chosen, seed in (("model", 1), ("model_ema", 2), ("model_ema.module", 2)):
        found = find(path.with_name(f"w.pth#{chosen}"))
        assert same(found.state, state(seed))
    assert found.place == "w.pth#model_ema.module"
    with pytest.raises(UserError, match=r"'ema' is no set of tensors in it .* there is model, model_ema\.module"):
        find(path.with_name("w.pth#ema"))


def test_teacher_and_student_are_two(tmp_path):
    path = saved(tmp_path, {"model": prefixed("student.", state(1)) | prefixed("teacher.", state(2))})
    with pytest.raises(UserError, match=r"w\.pth#model\.student or \S*w\.pth#model\.teacher$"):
        find(path)
    assert same(find(path.with_name("w.pth#model.teacher")).state, state(2))
    with pytest.raises(UserError, match="2 sets of tensors"):
        find(path.with_name("w.pth#model"))


def test_two_sets_that_are_equal_are_one(tmp_path):
    assert same(find(saved(tmp_path, {"model": state(), "model_ema": state()})).state, state())


def test_a_file_whose_own_name_has_the_sign_is_that_file(tmp_path):
    torch.save(state(), tmp_path / "w#1.pth")
    assert same(find(tmp_path / "w#1.pth").state, state())


# --- what does not fit ---


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"model": {n: t for n, t in state().items() if n != "3.bias"}}, r"model is nearest, missing \['3.bias'\]"),
        (state() | {"3.bias": torch.zeros(5)}, r"wrong \['3.bias is \[5\] \(wanted \[2\]\)'\]"),
        (state() | {"3.bias": torch.full((2,), torch.nan)}, r"wrong \['3.bias has 2 values that are NaN"),
        (state() | {"3.bias": "text"}, r"wrong \['3.bias is str"),
        (state() | {"head.weight": torch.zeros(2)}, r"unexpected \['head.weight'\]"),
        ({"model": state() | {"cls": torch.zeros(2)}}, r"model is nearest, unexpected \['cls'\]"),
        ({"epoch": 3}, r"missing \['0.bias', '0.weight', .* and 3 more"),
        ({}, "it holds no tensors by name"),
        ([1, 2], "wanted tensors by name, found list"),
        ({"a": {"b": torch.zeros(1)}, "a.b": torch.zeros(1)}, "holds a.b twice"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_told_in_a_line_with_what_was_found(content, said, tmp_path):
    with pytest.raises(UserError, match=said) as caught:
        find(saved(tmp_path, content))
    assert re.search(r"w\.pth: .*Pass others$", str(caught.value))
    assert "\n" not in str(caught.value)


def test_a_whole_pickled_module_is_refused_by_name(tmp_path):
    with pytest.raises(UserError, match=r"wants to create .*torch\.nn\.modules.*nothing was executed.*a state dict"):
        find(saved(tmp_path, network()))


def test_a_maze_of_dictionaries_ends(tmp_path):
    maze = {"w": torch.zeros(1)}
    for _ in range(8):
        maze = {f"{i}": maze for i in range(20)}
    with pytest.raises(UserError, match="more than 200000 names"):
        find(saved(tmp_path, maze))


ENCODE = b"c_codecs\nencode\n"
TEXT = b"X\x04\x00\x00\x00text"


@pytest.mark.parametrize(
    "calls",
    [
        ENCODE + TEXT + b"X\x03\x00\x00\x00hex\x86R",
        TEXT + b"q\x00" + ENCODE + b"h\x00X\x06\x00\x00\x00latin1\x86R",
        ENCODE + b"q\x00" + TEXT,
    ],
    ids=["another codec", "the same text again", "kept for later"],
)
def test_bytes_are_encoded_as_numpy_does_and_no_other_way(calls, tmp_path):
    with zipfile.ZipFile(tmp_path / "w.pth", "w") as archive:
        archive.writestr("w/data.pkl", b"\x80\x02" + calls + b".")
        archive.writestr("w/version", "3\n")
    with pytest.raises(UserError, match=r"wants to create _codecs\.encode"):
        find(tmp_path / "w.pth")
