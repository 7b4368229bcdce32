"""Checkpoints of the encoder: our own format, the official one, and the content hash that both share.

Our own is a folder: `model.safetensors` (timm's names) and `config.json` (what the weights are, their hash, and what
timm wants to know to load them itself).
"""

import hashlib
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mp_mae.config import EncoderConfig, Padding
from mp_mae.encoder import MpMaeConvNeXt, build_encoder, check_tensors, describe_for_timm, encoder_shapes
from mp_mae.errors import UserError
from mp_mae.files.json_file import read_json
from mp_mae.files.named_tensors import find_place
from mp_mae.files.replace_folder import recover
from mp_mae.files.weights_file import load_safetensors
from mp_mae.files.weights_folder import CONFIG_FILE, WEIGHTS_FILE, write_weights
from mp_mae.official.files import read_official

FORMAT_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class TrainingSummary:
    """How the weights came to be, as JSON values. For readers: nothing here changes what the encoder computes."""

    source_layout: str
    """Where the weights were first written: "mmearth" (an official file) or "mp_mae" (this package)."""
    modalities: Mapping[str, Any] = field(default_factory=dict)
    """`inputs` and `outputs` of the pretraining: band names, or "all", by modality."""
    normalisation: Mapping[str, Any] | None = None
    """Band statistics that standardised the input, by modality; None: the file does not hold them."""
    training: Mapping[str, Any] = field(default_factory=dict)
    """Epochs, rates and the like."""
    unknown_keys: tuple[str, ...] = ()
    """Tensors of an official file that nothing is known about; they were left out."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Checkpoint:
    """Weights of one encoder and what they are. How it treats the border (`padding`) is chosen when it is built."""

    encoder: EncoderConfig
    state: Mapping[str, Tensor]
    """Every tensor of the encoder under timm's name, final LayerNorm included, without classifier."""
    summary: TrainingSummary

    @cached_property
    def sha256(self) -> str:
        """Hash of the tensors and of size, bands and patch: the same for equal weights in either format."""
        return hash_tensors(self.state, about=[self.encoder.size, self.encoder.bands, self.encoder.patch])


def hash_tensors(tensors: Mapping[str, Tensor], about: Any = None) -> str:
    """SHA-256 over names, types, shapes and values, whatever file or order they came in.

    Args:
        about: JSON-able facts without which the tensors mean something else; hashed too.
    """
    digest = hashlib.sha256(json.dumps(about).encode())
    for name, tensor in sorted(tensors.items()):
        dtype = str(tensor.dtype).removeprefix("torch.")
        digest.update(json.dumps([name, dtype, list(tensor.shape)]).encode())
        digest.update(_little_endian_bytes(tensor))
    return digest.hexdigest()


def load_checkpoint(path: str | Path) -> Checkpoint:
    """Read an official `.pth`, or our own format by its folder or by its `.safetensors` file; tensors on the CPU.

    `FILE.pth#model_ema` says which of an official file's models is meant, where there are several.

    Raises:
        UserError: no such file, not a checkpoint, damaged, or its tensors are not exactly those of its encoder.
    """
    path = Path(path)
    try:
        recover(path)
    except OSError as error:
        raise UserError(
            f"{path}: out of reach, or its writer was killed and what it left beside it cannot be put back ({error}). "
            "Mend the permissions, or pass the folder beside it whose name ends in .old."
        ) from error
    if not find_place(path).file.exists():
        raise UserError(f"{path}: no such checkpoint. Pass an official .pth file or a folder with {WEIGHTS_FILE}.")
    if path.is_dir():
        return _load_own(path / WEIGHTS_FILE, path / CONFIG_FILE)
    if path.suffix == ".safetensors":
        return _load_own(path, path.with_name(CONFIG_FILE))
    official = read_official(path)
    summary = TrainingSummary(
        source_layout="mmearth",
        modalities=official.modalities,
        training=official.training,
        unknown_keys=official.unknown_keys,
    )
    return Checkpoint(encoder=official.encoder, state=official.state, summary=summary)


def save_checkpoint(checkpoint: Checkpoint, folder: str | Path) -> None:
    """Write our own format; `folder` appears complete or not at all, and replaces an older checkpoint of that name,
    which is never missing meanwhile.

    Raises:
        UserError: the tensors do not fit the encoder, `folder` holds something else, or it cannot be written.
    """
    folder = Path(folder)
    check_tensors(str(folder), checkpoint.state, encoder_shapes(checkpoint.encoder))
    encoder = checkpoint.encoder
    config = {
        "format_version": FORMAT_VERSION,
        "size": encoder.size,
        "bands": encoder.bands,
        "patch": encoder.patch,
        **asdict(checkpoint.summary),
        "sha256": checkpoint.sha256,
        **describe_for_timm(encoder),
    }
    write_weights(folder, checkpoint.state, config, "checkpoint")


def build_from_checkpoint(checkpoint: Checkpoint, padding: Padding = "same") -> MpMaeConvNeXt:
    """The encoder with the checkpoint's weights, in training mode; no random number is drawn."""
    with torch.device("meta"):
        model = build_encoder(replace(checkpoint.encoder, padding=padding))
    model.to_empty(device="cpu")
    load_into(model, checkpoint)
    return model


def load_encoder(path: str | Path, padding: Padding = "same") -> MpMaeConvNeXt:
    """The encoder of a training's folder `encoder`, or of an official .pth file, on the CPU in training mode.

    Raises:
        UserError: as `load_checkpoint` and `build_from_checkpoint` do.
    """
    return build_from_checkpoint(load_checkpoint(path), padding)


def load_into(model: MpMaeConvNeXt, checkpoint: Checkpoint) -> None:
    """Copy the weights into an encoder; a classifier it may have keeps its own.

    Raises:
        UserError: model and checkpoint differ in size, patch, number of bands or any tensor.
    """
    encoder = checkpoint.encoder
    for what, wanted, found in (
        ("size", model.size, encoder.size),
        ("patch", f"{model.patch} px", f"{encoder.patch} px"),
        ("bands", str(model.in_chans), f"{len(encoder.bands)} ({' '.join(encoder.bands)})"),
    ):
        if wanted.split()[0] != found.split()[0]:
            raise UserError(
                f"The model and the checkpoint differ in {what}: {wanted} in the model, {found} in the checkpoint. "
                "Build the model from the checkpoint's own `encoder` configuration."
            )
    own = model.state_dict()
    classifier = {name: own.pop(name) for name in list(own) if name.startswith("head.fc.")}
    check_tensors("checkpoint", checkpoint.state, {name: tensor.shape for name, tensor in own.items()})
    model.load_state_dict({**checkpoint.state, **classifier})


def _load_own(weights: Path, config: Path) -> Checkpoint:
    described = _read_config(config)
    try:
        encoder = EncoderConfig(described["size"], tuple(described["bands"]), described["patch"])
    except UserError as error:
        raise UserError(f"{config}: {error}") from error
    state = load_safetensors(weights, "Copy the checkpoint again.")
    check_tensors(str(weights), state, encoder_shapes(encoder))
    summary = TrainingSummary(**{f.name: described[f.name] for f in fields(TrainingSummary)})
    summary = replace(summary, unknown_keys=tuple(summary.unknown_keys))
    checkpoint = Checkpoint(encoder=encoder, state=state, summary=summary)
    if checkpoint.sha256 != described["sha256"]:
        raise UserError(
            f"{weights}: the weights hash to {checkpoint.sha256}, {config.name} says {described['sha256']}: one of the "
            "two files is damaged or not from this checkpoint. Copy both again."
        )
    return checkpoint


_CONFIG_TYPES: dict[str, type | tuple[type, ...]] = {
    "format_version": int,
    "size": str,
    "bands": list,
    "patch": int,
    "source_layout": str,
    "modalities": dict,
    "normalisation": (dict, type(None)),
    "training": dict,
    "unknown_keys": list,
    "sha256": str,
}


def _read_config(path: Path) -> dict[str, Any]:
    """The fields of `config.json`, each of its type. Raises UserError naming the file and the field."""
    described = read_json(path, f"A checkpoint folder holds {WEIGHTS_FILE} and {CONFIG_FILE}: copy both again.")
    if not isinstance(described, dict) or described.get("format_version") != FORMAT_VERSION:
        found = described.get("format_version") if isinstance(described, dict) else type(described).__name__
        raise UserError(f"{path}: wanted format_version {FORMAT_VERSION}, found {found}. Update this package.")
    for name, kind in _CONFIG_TYPES.items():
        if name not in described or not isinstance(described[name], kind):
            found = type(described[name]).__name__ if name in described else "nothing"
            raise UserError(f"{path}: `{name}` is {found}. Use a checkpoint written by `save_checkpoint`.")
    return described


def _little_endian_bytes(tensor: Tensor) -> memoryview:
    rows = tensor.detach().cpu().contiguous().flatten().view(torch.uint8).reshape(-1, tensor.element_size()).numpy()
    return (rows if sys.byteorder == "little" else rows[:, ::-1].copy()).data
