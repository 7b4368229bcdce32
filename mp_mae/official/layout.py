"""Names and memory layouts of the encoder in the MMEarth project's checkpoints, both ways.

The encoder there runs on a sparse convolution engine: kernels are (k * k, in, out) rows with the image row running
fastest, biases and GRN parameters (1, C). The final LayerNorm is not part of such a checkpoint.
"""

from collections.abc import Iterator, Mapping
from enum import Enum, auto
from typing import Any, NamedTuple

import torch
from torch import Tensor


class _Layout(Enum):
    SAME = auto()
    ROW = auto()
    """(1, C) here, (C,) in timm."""
    CONV = auto()
    """(k * k, in, out) here, (out, in, k, k) in timm."""
    DEPTHWISE = auto()
    """(k * k, C) here, (C, 1, k, k) in timm."""


class _Entry(NamedTuple):
    official: str
    timm: str
    layout: _Layout


def from_official(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Encoder tensors of an official file in timm's names and layouts, plus the final LayerNorm (weight 1, bias 0)."""
    state = {
        entry.timm: _to_dense(tensors[entry.official], entry.layout).clone(memory_format=torch.contiguous_format)
        for entry in _key_table(tensors, "encoder.stages.{}.{}.grn.gamma")
    }
    last_bias = state["stages.3.blocks.0.norm.bias"]
    state["head.norm.weight"] = torch.ones_like(last_bias)
    state["head.norm.bias"] = torch.zeros_like(last_bias)
    return state


def to_official(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The inverse of `from_official`; the final LayerNorm and a classifier have no place in that layout."""
    return {
        entry.official: _to_rows(state[entry.timm], entry.layout)
        for entry in _key_table(state, "stages.{}.blocks.{}.mlp.grn.weight")
    }


def _key_table(keys: Mapping[str, Any], block_key: str) -> Iterator[_Entry]:
    """Official name, timm name and layout of every encoder tensor, in the official order.

    `block_key` is a name, with places for stage and block, that every block has: it tells how many there are.
    """
    for i in range(3):
        yield from _norm(f"encoder.downsample_layers.{i}.0.ln", f"stages.{i + 1}.downsample.0")
        yield from _conv(f"encoder.downsample_layers.{i}.1", f"stages.{i + 1}.downsample.1", _Layout.CONV)
    if "encoder.stem_orig.0.kernel" in keys or "stem.0.weight" in keys:  # ConvNeXt's own
        yield from _conv("encoder.stem_orig.0", "stem.0", _Layout.CONV)
        yield from _norm("encoder.stem_orig.1.ln", "stem.1")
    else:
        yield from _conv("encoder.initial_conv.0", "stem.conv", _Layout.CONV)
        yield from _norm("encoder.initial_conv.1.ln", "stem.conv_norm")
        yield from _conv("encoder.stem.0", "stem.patch", _Layout.DEPTHWISE)
        yield from _norm("encoder.stem.1.ln", "stem.patch_norm")
    for stage in range(4):
        block = 0
        while block_key.format(stage, block) in keys:
            yield from _block(f"encoder.stages.{stage}.{block}", f"stages.{stage}.blocks.{block}")
            block += 1


def _block(official: str, timm: str) -> Iterator[_Entry]:
    yield from _conv(f"{official}.dwconv", f"{timm}.conv_dw", _Layout.DEPTHWISE)
    yield from _norm(f"{official}.norm.ln", f"{timm}.norm")
    yield from _norm(f"{official}.pwconv1.linear", f"{timm}.mlp.fc1")
    yield from _norm(f"{official}.pwconv2.linear", f"{timm}.mlp.fc2")
    yield _Entry(f"{official}.grn.gamma", f"{timm}.mlp.grn.weight", _Layout.ROW)
    yield _Entry(f"{official}.grn.beta", f"{timm}.mlp.grn.bias", _Layout.ROW)


def _norm(official: str, timm: str) -> Iterator[_Entry]:
    """A LayerNorm or a linear layer: stored alike on both sides."""
    for leaf in ("weight", "bias"):
        yield _Entry(f"{official}.{leaf}", f"{timm}.{leaf}", _Layout.SAME)


def _conv(official: str, timm: str, layout: _Layout) -> Iterator[_Entry]:
    yield _Entry(f"{official}.kernel", f"{timm}.weight", layout)
    yield _Entry(f"{official}.bias", f"{timm}.bias", _Layout.ROW)


def _to_dense(tensor: Tensor, layout: _Layout) -> Tensor:
    if layout is _Layout.SAME:
        return tensor
    if layout is _Layout.ROW:
        return tensor.flatten()
    side = round(tensor.shape[0] ** 0.5)
    if layout is _Layout.CONV:
        return tensor.unflatten(0, (side, side)).permute(3, 2, 1, 0)  # (w, h, in, out) -> (out, in, h, w)
    return tensor.unflatten(0, (side, side)).permute(2, 1, 0).unsqueeze(1)  # (w, h, C) -> (C, 1, h, w)


def _to_rows(tensor: Tensor, layout: _Layout) -> Tensor:
    if layout is _Layout.SAME:
        return tensor
    if layout is _Layout.ROW:
        return tensor.unsqueeze(0)
    if layout is _Layout.CONV:
        return tensor.permute(3, 2, 1, 0).flatten(0, 1).contiguous()
    return tensor.squeeze(1).permute(2, 1, 0).flatten(0, 1).contiguous()
