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
from mp_mae.files.weights_file import load_weights_only
from mp_mae.official.layout import from_official, to_official

RGB_BANDS = ("B2", "B3", "B4")
"""Input of the published three-band checkpoints, in MMEarth's order: blue, green, red."""

DECODER_PREFIXES = ("decoder_dict.", "pred_dict.", "proj.", "mask_token", "layer_norm_tmp.", "loss_fn.")
"""Pretraining's other tensors. Evaluation has no use for them; the decoders are tied, so most are one storage."""

WRAPPERS = ("module.", "_orig_mod.")
"""What DistributedDataParallel and torch.compile put before every name of the model they wrap."""

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


def read_official(path: pathlib.Path) -> OfficialCheckpoint:
    """An official checkpoint, without executing anything it brings; tensors are on the CPU and own their memory.

    Raises:
        UserError: not such a file, damaged, holds a class we do not allow, or its encoder is not exactly one we know.
    """
    content = load_weights_only(path)
    model = content.get("model") if isinstance(content, dict) else None
    tensors = _unwrapped(model) if isinstance(model, dict) else {}
    found = {key: tensor for key, tensor in tensors.items() if key.startswith("encoder.")}
    if not found:
        raise UserError(
            f"{path}: wanted an MMEarth pretraining checkpoint, a dictionary with `encoder.*` tensors under `model`; "
            "this file has none. Fine-tuned or exported models are not supported."
        )
    args = content.get("args")
    facts = vars(args) if isinstance(args, argparse.Namespace) else {}
    encoder = _infer_encoder(path, found, facts)
    wanted = {name: torch.empty(shape, device="meta") for name, shape in encoder_shapes(encoder).items()}
    check_tensors(str(path), found, {key: tensor.shape for key, tensor in to_official(wanted).items()})
    return OfficialCheckpoint(
        encoder=encoder,
        state=from_official(found),
        modalities=_modalities(facts),
        training=_training(content.get("epoch"), facts),
        unknown_keys=tuple(key for key in tensors if not key.startswith(("encoder.", *DECODER_PREFIXES))),
    )


def _unwrapped(model: Mapping[Any, Any]) -> dict[str, Any]:
    """What has a name, under the name it has in the model itself: a wrapper prefixes every one, or it is none."""
    named = {key: value for key, value in model.items() if isinstance(key, str)}
    for wrapper in WRAPPERS * 2:  # one within the other, either way round
        if all(key.startswith(wrapper) for key in named):
            named = {key.removeprefix(wrapper): value for key, value in named.items()}
    return named


def _infer_encoder(path: pathlib.Path, tensors: Mapping[str, Any], facts: Mapping[str, Any]) -> EncoderConfig:
    """Size, patch and bands from the tensors' shapes; the bands' names from the arguments when they are there."""
    if any(key.startswith("encoder.stem_orig.") for key in tensors):
        raise UserError(
            f"{path}: the checkpoint was trained with the original ConvNeXt stem (encoder.stem_orig), which is not "
            "supported. Use one with the MP-MAE stem (encoder.initial_conv and encoder.stem)."
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
