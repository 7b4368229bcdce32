"""A model as a folder: `config.json` says what it is, `model.safetensors` holds its tensors."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from mp_mae.errors import UserError
from mp_mae.files.replace_folder import is_free, replacing

WEIGHTS_FILE = "model.safetensors"
CONFIG_FILE = "config.json"


def write_weights(folder: Path, state: Mapping[str, Tensor], described: Mapping[str, Any], what: str) -> None:
    """Write the folder; it appears complete or not at all, and replaces an older one of its kind, never missing
    meanwhile.

    Args:
        state: tensors by name, on any device.
        described: JSON-able, of `config.json`.
        what: it is called in messages.
    Raises:
        UserError: the folder holds something else, or it cannot be written.
    """
    if not is_free(folder) and not (folder / CONFIG_FILE).is_file():
        raise UserError(f"{folder}: exists and is not a {what}; it was left alone. Choose another folder.")
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
    try:
        with replacing(folder) as partial:
            save_file(tensors, partial / WEIGHTS_FILE)
            (partial / CONFIG_FILE).write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
    except (OSError, SafetensorError) as error:
        raise UserError(f"{folder}: cannot write the {what} ({error}). Choose another folder.") from error
