"""A contrastive model as a folder: `config.json` says what it is, `model.safetensors` holds its tensors. No pickle."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from baselines.contrastive.config import ContrastiveConfig
from baselines.contrastive.model import ContrastiveModel
from mp_mae.checkpoint import hash_tensors
from mp_mae.encoder import check_tensors
from mp_mae.errors import UserError
from mp_mae.files.json_file import read_json
from mp_mae.files.replace_folder import recover
from mp_mae.files.weights_file import load_safetensors
from mp_mae.files.weights_folder import CONFIG_FILE, WEIGHTS_FILE, write_weights

FORMAT = "contrastive"
FORMAT_VERSION = 1
_COPY_AGAIN = f"A contrastive model is a folder with {WEIGHTS_FILE} and {CONFIG_FILE}: copy both again."


@dataclass(frozen=True, kw_only=True)
class ContrastiveSummary:
    """How the weights came to be, as JSON values."""

    normalisation: Mapping[str, Any] = field(default_factory=dict)
    """Statistics that standardised its input, as `mp_mae.checkpoint.TrainingSummary` has them; empty: not known."""
    training: Mapping[str, Any] = field(default_factory=dict)
    """Steps, rates, the dataset and the like. For readers: nothing here changes what the model computes."""


class SavedModel(NamedTuple):
    """What a folder holds."""

    model: ContrastiveModel
    """On the CPU, in evaluation mode."""
    summary: ContrastiveSummary
    sha256: str
    """Of the tensors and the configuration, independent of the file."""


def hash_model(state: Mapping[str, Tensor], config: ContrastiveConfig) -> str:
    """SHA-256 of the tensors and of the configuration without which they mean something else."""
    return hash_tensors(state, about=_describe(config))


def save_model(
    folder: str | Path, state: Mapping[str, Tensor], config: ContrastiveConfig, summary: ContrastiveSummary
) -> None:
    """Write a model; the folder appears complete or not at all, and replaces an older one of that name.

    Args:
        state: `ContrastiveModel.state_dict()`, on any device.
    Raises:
        UserError: the tensors do not fit the configuration, the folder holds something else, or it cannot be written.
    """
    folder = Path(folder)
    check_tensors(str(folder), state, _shapes(config))
    described = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        **_describe(config),
        **asdict(summary),
        "sha256": hash_model(state, config),
    }
    write_weights(folder, state, described, "model")


def load_model(folder: str | Path) -> SavedModel:
    """Read a model that `save_model` wrote; no random number is drawn.

    Raises:
        UserError: no such folder, another kind of checkpoint, damaged, or the tensors do not fit.
    """
    folder = Path(folder)
    try:
        recover(folder)
    except OSError as error:
        raise UserError(f"{folder}: out of reach ({error}). Mend the permissions.") from error
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder. Pass what `python -m mp_mae pretrain --preset clip` exported.")
    path = folder / CONFIG_FILE
    described = _read(path)
    config = _config(path, described)
    state = load_safetensors(folder / WEIGHTS_FILE, _COPY_AGAIN)
    check_tensors(str(folder / WEIGHTS_FILE), state, _shapes(config))
    found = hash_model(state, config)
    if found != described["sha256"]:
        raise UserError(
            f"{folder / WEIGHTS_FILE}: the weights hash to {found}, {CONFIG_FILE} says {described['sha256']}: one of "
            "the two files is damaged or not from this model. Copy both again."
        )
    model = _empty(config).to_empty(device="cpu").eval()
    model.load_state_dict(state)
    summary = ContrastiveSummary(normalisation=described["normalisation"], training=described["training"])
    return SavedModel(model, summary, found)


def _describe(config: ContrastiveConfig) -> dict[str, Any]:
    return {
        "architecture": config.architecture,
        "size": config.size,
        "patch": config.patch,
        "modalities": {name: list(channels) for name, channels in config.modalities.items()},
        "dim": config.dim,
    }


def _empty(config: ContrastiveConfig) -> ContrastiveModel:
    with torch.device("meta"):
        return ContrastiveModel(config)


def _shapes(config: ContrastiveConfig) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in _empty(config).state_dict().items()}


_TYPES: dict[str, type] = {
    "architecture": str,
    "size": str,
    "patch": int,
    "modalities": dict,
    "dim": int,
    "normalisation": dict,
    "training": dict,
    "sha256": str,
}


def _read(path: Path) -> dict[str, Any]:
    """The fields of `config.json`, each of its type."""
    described = read_json(path, _COPY_AGAIN)
    found = (described.get("format"), described.get("format_version")) if isinstance(described, dict) else (None, None)
    if found[0] != FORMAT:
        raise UserError(
            f"{path}: wanted a contrastive model, found another checkpoint. Evaluate an encoder of MP-MAE as "
            "--backbone mp_mae"
        )
    if found[1] != FORMAT_VERSION:
        raise UserError(f"{path}: wanted format_version {FORMAT_VERSION}, found {found[1]}. Update this package.")
    for name, kind in _TYPES.items():
        if not isinstance(described.get(name), kind):
            kinds = type(described[name]).__name__ if name in described else "nothing"
            raise UserError(f"{path}: wanted `{name}` as {kind.__name__}, found {kinds}. {_COPY_AGAIN}")
    return dict(described)


def _config(path: Path, described: Mapping[str, Any]) -> ContrastiveConfig:
    modalities = described["modalities"]
    wrong = [name for name, channels in modalities.items() if not isinstance(channels, list)]
    if wrong:
        raise UserError(f"{path}: wanted a list of channels of {', '.join(wrong)}. {_COPY_AGAIN}")
    try:
        return ContrastiveConfig(
            size=described["size"],
            architecture=described["architecture"],
            patch=described["patch"],
            modalities={name: tuple(channels) for name, channels in modalities.items()},
            dim=described["dim"],
        )
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
