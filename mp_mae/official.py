"""Checkpoints as the MMEarth project publishes them (.pth), read safely and strictly."""

import argparse
import pathlib
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.serialization import get_unsafe_globals_in_checkpoint, safe_globals

from mp_mae.config import MMEARTH_S2_BANDS, SIZES, EncoderConfig
from mp_mae.encoder import check_tensors, encoder_shapes
from mp_mae.errors import UserError
from mp_mae.official_layout import from_official, to_official

RGB_BANDS = ("B2", "B3", "B4")
"""Input of the published three-band checkpoints, in MMEarth's order: blue, green, red."""

DECODER_PREFIXES = ("decoder_dict.", "pred_dict.", "proj.", "mask_token", "layer_norm_tmp.", "loss_fn.")
"""Pretraining's other tensors. Evaluation has no use for them; the decoders are tied, so most are one storage."""

TRAINING_FACTS = (
    "epochs", "warmup_epochs", "batch_size", "update_freq", "world_size", "lr", "blr", "weight_decay", "seed",
    "input_size", "random_crop", "mask_ratio", "loss_aggr", "norm_pix_loss", "decoder_depth", "decoder_embed_dim",
)  # fmt: skip
"""Arguments of the pretraining that are worth keeping; the rest is paths and logging."""

# The two classes that official files hold beside tensors. A path is read as a pure one, which exists on every system;
# Python 3.13 moved the class, so both of its names are listed.
_ALLOWED_CLASSES: list[Callable[..., Any] | tuple[Callable[..., Any], str]] = [
    argparse.Namespace,
    (pathlib.PurePosixPath, "pathlib.PosixPath"),
    (pathlib.PurePosixPath, "pathlib._local.PosixPath"),
]

# What torch's unpickler raises on bytes that are no pickle of its own.
_UNREADABLE = (
    pickle.UnpicklingError, RuntimeError, ValueError, EOFError, LookupError, TypeError, AttributeError, AssertionError,
    struct.error,
)  # fmt: skip


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
    tensors = model if isinstance(model, dict) else {}
    keys = [key for key in tensors if isinstance(key, str)]
    found = {key: tensors[key] for key in keys if key.startswith("encoder.")}
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
        unknown_keys=tuple(key for key in keys if not key.startswith(("encoder.", *DECODER_PREFIXES))),
    )


def load_weights_only(path: pathlib.Path) -> Any:
    """The file's content with every tensor on the CPU, mapped instead of read."""
    not_ours = f"{path}: wanted a checkpoint written by torch.save; the file is another kind or cut short"
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()  # torch does not look at the checksums
    except (zipfile.BadZipFile, zlib.error, struct.error, EOFError, RuntimeError) as error:
        raise UserError(f"{not_ours} ({error}). Download it again.") from error
    except OSError as error:
        raise UserError(f"{path}: cannot read the checkpoint ({error.strerror}). Check the path.") from error
    if damaged is not None:
        raise UserError(f"{path}: the part {damaged} fails its checksum, the file is damaged. Download it again.")
    try:
        with safe_globals(_ALLOWED_CLASSES):
            refused = get_unsafe_globals_in_checkpoint(str(path))
            if refused:
                raise UserError(
                    f"{path}: the file wants to create {', '.join(sorted(refused))}, which a checkpoint has no need "
                    "of; nothing was executed. Use a file from a source you trust."
                )
            return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except _UNREADABLE as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise UserError(f"{not_ours} ({reason}). Download it again.") from error


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
    return EncoderConfig(sizes[width], _band_names(path, channels, facts), patch)


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
        bands = tuple(band for band in listed if band != "B10")  # stored in the data, never an input
        if len(bands) == channels:
            return bands
        raise UserError(
            f"{path}: the encoder reads {channels} channels, but its arguments list {len(bands)} Sentinel-2 bands "
            f"({' '.join(map(str, bands))}). Only Sentinel-2 inputs are supported."
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
            str(name): list(map(str, bands)) if isinstance(bands, (list, tuple)) else str(bands)
            for name, bands in bands_by_modality.items()
        }
        for role, bands_by_modality in listed.items()
        if isinstance(bands_by_modality, dict)
    }


def _training(epoch: Any, facts: Mapping[str, Any]) -> dict[str, Any]:
    known = {"epoch": epoch, **{key: facts.get(key) for key in TRAINING_FACTS}}
    return {key: value for key, value in known.items() if isinstance(value, (str, int, float, bool))}
