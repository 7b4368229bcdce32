"""Checkpoints as the MMEarth project publishes them (.pth), read safely and strictly."""

import argparse
import pathlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from mp_mae.config import MMEARTH_S2_BANDS, SIZES, EncoderConfig
from mp_mae.encoder import check_tensors, encoder_shapes
from mp_mae.errors import UserError
from mp_mae.files.named_tensors import choose, find_place, read_named_tensors
from mp_mae.official.layout import from_official, to_official

RGB_BANDS = ("B2", "B3", "B4")
"""Input of the published three-band checkpoints, in MMEarth's order: blue, green, red."""

DECODER_PREFIXES = ("decoder_dict.", "pred_dict.", "proj.", "mask_token", "layer_norm_tmp.", "loss_fn.")
"""Pretraining's other tensors. Evaluation has no use for them; the decoders are tied, so most are one storage."""

TRAINING_FACTS = (
    "epochs", "warmup_epochs", "batch_size", "update_freq", "world_size", "lr", "blr", "weight_decay", "seed",
    "input_size", "random_crop", "mask_ratio", "loss_aggr", "norm_pix_loss", "decoder_depth", "decoder_embed_dim",
)  # fmt: skip
"""Arguments of the pretraining that are worth keeping; the rest is paths and logging."""


@dataclass(frozen=True, kw_only=True)
class OfficialCheckpoint:
    """What an official file says, in our names."""

    encoder: EncoderConfig
    state: Mapping[str, Tensor]
    """Encoder tensors under timm's names, with the fresh final LayerNorm (weight 1, bias 0)."""
    modalities: Mapping[str, Any]
    """`inputs` and `outputs` of the pretraining: band names, or "all", by modality. Empty if the file has none."""
    training: Mapping[str, Any]
    """TRAINING_FACTS and the epoch the file was written after (from 0), as far as the file has them."""
    unknown_keys: tuple[str, ...]
    """Tensors that belong neither to the encoder nor to a known decoder part; they were left out."""


@dataclass(frozen=True)
class OfficialFile:
    """A pretrained model in a file, and what is said of it."""

    tensors: Mapping[str, Any]
    """By the names they have in the model: those behind one prefix, with whatever else stands there."""
    facts: Mapping[str, Any]
    """Arguments of the pretraining; empty if there are none."""
    epoch: Any


def open_official(path: pathlib.Path) -> OfficialFile:
    """What an official file holds, whatever stands before its names: by custom `model`, or `model_ema.module`.

    Args:
        path: `FILE#model_ema` says which model is meant, where there are several.
    Raises:
        UserError: no such file, damaged, holds a class we do not allow, or no model or several and none was named.
    """
    place = find_place(path)
    named = read_named_tensors(place.file, "Pass an MMEarth pretraining checkpoint")
    inside = [name for name, value in named.items() if isinstance(value, Tensor) and "encoder." in name]
    prefixes = dict.fromkeys(name.partition("encoder.")[0] for name in inside)
    whole = [prefix for prefix in prefixes if not prefix or prefix.endswith(".")]
    if not whole:
        raise UserError(
            f"{path}: wanted an MMEarth pretraining checkpoint, a dictionary with `encoder.*` tensors under `model`; "
            "this file has none. Fine-tuned or exported models are not supported."
        )
    prefix = choose(whole, place, "an MMEarth pretraining checkpoint")
    args = named.get("args")
    return OfficialFile(
        tensors={name.removeprefix(prefix): value for name, value in named.items() if name.startswith(prefix)},
        facts=vars(args) if isinstance(args, argparse.Namespace) else {},
        epoch=named.get("epoch"),
    )


def read_official(path: pathlib.Path) -> OfficialCheckpoint:
    """An official checkpoint, without executing anything it brings; tensors are on the CPU and own their memory.

    Raises:
        UserError: as `open_official`, or its encoder is not exactly one we know.
    """
    file = open_official(path)
    found = {key: tensor for key, tensor in file.tensors.items() if key.startswith("encoder.")}
    encoder = _infer_encoder(path, found, file.facts)
    wanted = {name: torch.empty(shape, device="meta") for name, shape in encoder_shapes(encoder).items()}
    check_tensors(str(path), found, {key: tensor.shape for key, tensor in to_official(wanted).items()})
    return OfficialCheckpoint(
        encoder=encoder,
        state=from_official(found),
        modalities=_modalities(file.facts),
        training=_training(file.epoch, file.facts),
        unknown_keys=tuple(key for key in file.tensors if not key.startswith(("encoder.", *DECODER_PREFIXES))),
    )


def _infer_encoder(path: pathlib.Path, tensors: Mapping[str, Any], facts: Mapping[str, Any]) -> EncoderConfig:
    """Size, patch and bands from the tensors' shapes; the bands' names from the arguments when they are there."""
    if any(key.startswith("encoder.stem_orig.") for key in tensors):
        raise UserError(
            f"{path}: the checkpoint was trained with the original ConvNeXt stem (encoder.stem_orig), which is not "
            "supported here. Evaluate it as --backbone imagenet_mae_published, or use one with the MP-MAE stem."
        )
    _, channels, width = _shape(path, tensors, "encoder.initial_conv.0.kernel", 3)
    sizes = {size.widths[0]: name for name, size in SIZES.items()}
    if width not in sizes:
        raise UserError(
            f"{path}: the encoder is {width} channels wide in its first stage; known are "
            f"{', '.join(f'{known} ({name})' for known, name in sizes.items())}. Use a ConvNeXt V2 checkpoint."
        )
    rows, _ = _shape(path, tensors, "encoder.stem.0.kernel", 2)
    if rows not in (1, 4):
        raise UserError(f"{path}: the patch stem has {rows} kernel rows; wanted 1 (8 px patches) or 4 (16 px patches).")
    patch = 8 if rows == 1 else 16
    bands = _band_names(path, channels, facts)
    try:
        return EncoderConfig(sizes[width], bands, patch)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


def _shape(path: pathlib.Path, tensors: Mapping[str, Any], key: str, dims: int) -> tuple[int, ...]:
    tensor = tensors.get(key)
    if not isinstance(tensor, Tensor) or tensor.ndim != dims:
        found = "missing" if tensor is None else f"of shape {list(getattr(tensor, 'shape', []))}"
        raise UserError(f"{path}: {key} is {found}; wanted a tensor with {dims} axes. Use an intact checkpoint.")
    return tuple(tensor.shape)


def _band_names(path: pathlib.Path, channels: int, facts: Mapping[str, Any]) -> tuple[str, ...]:
    """The bands the arguments list, else those of MMEarth's twelve- and three-band inputs."""
    inputs = facts.get("inp_modalities")
    listed = inputs.get("sentinel2") if isinstance(inputs, dict) else None
    if isinstance(listed, (list, tuple)):
        bands = tuple(band for band in listed if not _is_cirrus(band))  # stored in the data, never an input
        if len(bands) == channels:
            return bands
        raise UserError(
            f"{path}: the encoder reads {channels} channels, but its arguments list {len(bands)} Sentinel-2 bands "
            f"({' '.join(map(_plain, bands))[:200]}). Only Sentinel-2 inputs are supported."
        )
    for bands in (MMEARTH_S2_BANDS, RGB_BANDS):
        if channels == len(bands):
            return bands
    raise UserError(
        f"{path}: the encoder reads {channels} channels and the file does not name them; known are inputs of "
        f"12 ({' '.join(MMEARTH_S2_BANDS)}) and 3 ({' '.join(RGB_BANDS)}) bands. Use such a checkpoint."
    )


def _modalities(facts: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    listed = {"inputs": facts.get("inp_modalities"), "outputs": facts.get("out_modalities")}
    return {
        role: {
            _plain(name): list(map(_plain, bands)) if isinstance(bands, (list, tuple)) else _plain(bands)
            for name, bands in bands_by_modality.items()
        }
        for role, bands_by_modality in listed.items()
        if isinstance(bands_by_modality, dict)
    }


def _is_cirrus(band: Any) -> bool:
    return isinstance(band, str) and band == "B10"


def _plain(value: Any) -> str:
    """A name or number as text; of anything else, which may be nested without end, what it is."""
    return str(value) if isinstance(value, (str, int, float)) else type(value).__name__


def _training(epoch: Any, facts: Mapping[str, Any]) -> dict[str, Any]:
    known = {"epoch": epoch, **{key: facts.get(key) for key in TRAINING_FACTS}}
    return {key: value for key, value in known.items() if isinstance(value, (str, int, float, bool))}
