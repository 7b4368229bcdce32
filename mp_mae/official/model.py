"""The whole model of an official pretraining checkpoint: encoder, decoder, heads and uncertainty weights."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mp_mae.encoder import check_tensors
from mp_mae.errors import UserError
from mp_mae.modalities import MODALITIES
from mp_mae.model import MPMAE
from mp_mae.model_config import ModelConfig
from mp_mae.official.files import DECODER_PREFIXES, open_official, read_official


@dataclass(frozen=True, kw_only=True, eq=False)
class OfficialModel:
    """What an official file says, in our names."""

    config: ModelConfig
    """As published models were trained: one decoder, GRN pooled over the batch, published loss rules."""
    state: Mapping[str, Tensor]
    """Every tensor of MPMAE(config), on the CPU."""

    def build(self) -> MPMAE:
        """The model with these weights, in training mode; no random number is drawn."""
        with torch.device("meta"):
            model = MPMAE(self.config)
        model.to_empty(device="cpu")
        model.load_state_dict(dict(self.state))
        return model


def read_official_model(path: str | Path) -> OfficialModel:
    """An official checkpoint with its decoder and heads, without executing anything it brings.

    Raises:
        UserError: as `read_official`; decoder or heads are missing, incomplete or of a kind we do not know; or the
            decoders of the modalities differ, which published ones do not.
    """
    path = Path(path)
    encoder = read_official(path)
    tensors = open_official(path).tensors
    names = _modality_names(path, tensors)
    depth = len({key.split(".")[2] for key in tensors if key.startswith(f"decoder_dict.{names[0]}.")})
    if "proj.bias" not in tensors or not depth:
        raise UserError(
            f"{path}: the decoder is missing (proj.*, decoder_dict.*). Use a complete pretraining checkpoint."
        )
    config = ModelConfig(
        encoder=encoder.encoder,
        modalities=names,
        decoder_width=len(tensors["proj.bias"]),
        decoder_depth=depth,
        weighting="uncertainty" if "loss_fn.log_vars" in tensors else "sum",
        normalise_optical=bool(encoder.training.get("norm_pix_loss", ModelConfig.normalise_optical)),
        mask_ratio=float(encoder.training.get("mask_ratio", ModelConfig.mask_ratio)),
        grn="batch",
        holes="absent",
        losses="published",
    )
    return OfficialModel(
        config=config,
        state={
            **{f"encoder.{name}": tensor for name, tensor in encoder.state.items()},
            **_decoder_state(path, config, names, tensors),
        },
    )


def decoder_keys(config: ModelConfig, block_owner: str) -> Iterator[tuple[str, str]]:
    """Pairs (official, our) of names of every tensor beside the encoder, in MPMAE with one decoder.

    Official tensors are ours with further axes of length 1.

    Args:
        block_owner: modality under whose name the blocks are looked up; all have the same.
    """
    yield from _layer("proj", "tokens.proj")
    yield "mask_token", "tokens.mask_token"
    for block in range(config.decoder_depth):
        official, ours = f"decoder_dict.{block_owner}.{block}", f"branches.0.blocks.{block}"
        yield from _layer(f"{official}.dwconv", f"{ours}.conv_dw")
        yield from _layer(f"{official}.norm", f"{ours}.norm")
        yield from _layer(f"{official}.pwconv1", f"{ours}.mlp.fc1")
        yield from _layer(f"{official}.pwconv2", f"{ours}.mlp.fc2")
        yield f"{official}.grn.gamma", f"{ours}.mlp.grn.weight"
        yield f"{official}.grn.beta", f"{ours}.mlp.grn.bias"
    for task in config.tasks:
        heads = "pixel_heads" if task.kind.is_pixel else "image_heads"
        yield from _layer(f"pred_dict.{task.name}", f"branches.0.{heads}.{task.name}")
    if any(not task.kind.is_pixel for task in config.tasks):
        yield from _layer("layer_norm_tmp", "branches.0.image_norm")
    if config.weighting == "uncertainty":
        yield "loss_fn.log_vars", "log_vars"


def _layer(official: str, ours: str) -> Iterator[tuple[str, str]]:
    for leaf in ("weight", "bias"):
        yield f"{official}.{leaf}", f"{ours}.{leaf}"


def _modality_names(path: Path, tensors: Mapping[str, Any]) -> tuple[str, ...]:
    """The modalities with a prediction head, in the file's order."""
    names = tuple(dict.fromkeys(key.split(".")[1] for key in tensors if key.startswith("pred_dict.")))
    unknown = sorted(set(names) - set(MODALITIES))
    if unknown or not names:
        found = f"heads of unknown modalities {', '.join(unknown)}" if unknown else "none"
        raise UserError(
            f"{path}: wanted prediction heads (pred_dict.*) of known modalities, found {found}. "
            "Use a complete pretraining checkpoint, or load the encoder alone."
        )
    return names


def _decoder_state(
    path: Path, config: ModelConfig, names: Sequence[str], tensors: Mapping[str, Any]
) -> dict[str, Tensor]:
    """Tensors of decoder and heads, in our names and shapes. Raises UserError unless they are exactly those wanted."""
    with torch.device("meta"):
        shapes = {name: tensor.shape for name, tensor in MPMAE(config).state_dict().items()}
    keys = dict(decoder_keys(config, names[0]))
    blocks = f"decoder_dict.{names[0]}."
    found = {
        key: tensor.squeeze() if isinstance(tensor, Tensor) else tensor
        for key, tensor in tensors.items()
        if key.startswith(DECODER_PREFIXES) and (key.startswith(blocks) or not key.startswith("decoder_dict."))
    }
    wanted = {official: torch.Size(n for n in shapes[ours] if n != 1) for official, ours in keys.items()}
    check_tensors(str(path), found, wanted)
    for key in (key for key in keys if key.startswith(blocks)):
        for name in names[1:]:
            tied = tensors.get(key.replace(blocks, f"decoder_dict.{name}."))
            if not isinstance(tied, Tensor) or not torch.equal(tied, tensors[key]):
                raise UserError(
                    f"{path}: {key} differs between {names[0]} and {name}; published checkpoints have one decoder for "
                    "all modalities, and only such files are supported."
                )
    state = {ours: found[official].reshape(shapes[ours]).clone() for official, ours in keys.items()}
    if "log_vars" in state:  # the file's are in its own order of modalities
        state["log_vars"] = state["log_vars"][[names.index(task.name) for task in config.tasks]]
    return state
