"""A model that somebody built, behind the backbone contract: timm's with their maps, others with their vector."""

import copy
import hashlib
import re
from collections.abc import Iterator
from dataclasses import replace
from types import CodeType
from typing import Any

import torch
from torch import Tensor, nn

from baselines.contract import Backbone, Features, InputSpec, Origin
from baselines.facts import Facts
from baselines.inputs import Preparation
from baselines.timm_models.network import TimmBackbone, total_stride, trying
from mp_mae.checkpoint import hash_tensors
from mp_mae.errors import UserError

_TRIED_PX = 64
"""Side of the images that are tried where nobody says any."""


class VectorBackbone(Backbone):
    """A module that turns (B, C, H, W) into (B, D)."""

    def __init__(self, model: nn.Module, *, inputs: InputSpec, origin: Origin) -> None:
        super().__init__(inputs=inputs, origin=origin, pyramid=())
        self.model = model
        self.eval()

    def embed(self, x: Tensor, facts: Facts) -> Features:
        return Features(vector=self.model(x), maps=())


def wrap_model(model: nn.Module, inputs: InputSpec, name: str) -> Backbone:
    """A copy of the model on the CPU, in evaluation mode, that was seen to embed images of these bands.

    Args:
        inputs: what it eats, as far as its owner says; sizes are completed from a model of timm.
        name: for messages.
    Raises:
        UserError: it cannot embed such images; says what happened.
    """
    copied: Any = copy.deepcopy(model).cpu().float().eval()
    of_timm = all(hasattr(copied, part) for part in ("forward_features", "forward_head", "reset_classifier"))
    if of_timm:
        copied.reset_classifier(0)  # else it would count as weights
        inputs = _with_size(copied, inputs)
    origin = Origin(
        weights_sha256=hash_tensors(copied.state_dict()),
        description=f"{type(model).__name__}, wrapped",
        settings={"structure_sha256": _hash_structure(copied)},
    )
    side = inputs.native_size_px or _TRIED_PX
    try:
        backbone = (TimmBackbone if of_timm else VectorBackbone)(copied, inputs=inputs, origin=origin)
        _embed_blank(backbone, side)
    except Exception as error:  # of the model's own code, whatever that is
        words = " ".join(str(error).split())
        raise UserError(
            f"{name}: it cannot embed images of {len(inputs.bands or ())} bands and {side} x {side} pixels "
            f"({type(error).__name__}: {words:.200}). Pass the bands and the size (size_px) that it was built for"
        ) from error
    return backbone


def _with_size(model: Any, inputs: InputSpec) -> InputSpec:
    """What a model of timm says of the size of its images, where its owner says nothing."""
    patches, configured = getattr(model, "patch_embed", None), getattr(model, "pretrained_cfg", None) or {}
    *_, own = getattr(patches, "img_size", None) or configured.get("input_size") or (None,)
    native, stride = inputs.native_size_px or own, total_stride(model)
    other = 2 * stride if native != 2 * stride else 3 * stride
    fixed = native is not None and not _embeds(model, len(inputs.bands or ()), other)
    return replace(inputs, native_size_px=native, fixed_size=fixed, size_multiple=1 if fixed else stride)


@trying()
def _embeds(model: Any, n_channels: int, side: int) -> bool:
    """Whether it embeds images of that size, which it was not built for."""
    try:
        model.forward_features(torch.zeros(1, n_channels, side, side))
    except Exception:  # timm's own assertions, or torch's
        return False
    return True


@trying()
def _embed_blank(backbone: Backbone, side: int) -> None:
    n_channels = len(backbone.inputs.bands or ())
    backbone(torch.zeros(2, n_channels, side, side), Preparation(torch.zeros(n_channels), torch.ones(n_channels)))


def _hash_structure(model: nn.Module) -> str:
    """SHA-256 (64 hex digits) over what is done with its tensors: its modules as torch prints them, and the methods of
    those that come from neither torch nor timm."""
    printed = re.sub(r" at 0x[0-9a-f]+", "", repr(model))
    return hashlib.sha256("\n".join((printed, *_own_methods(model))).encode()).hexdigest()


def _own_methods(model: nn.Module) -> Iterator[str]:
    for kind in dict.fromkeys(base for module in model.modules() for base in type(module).__mro__):
        if kind.__module__.partition(".")[0] not in ("builtins", "timm", "torch"):
            methods = {name: getattr(member, "__func__", member) for name, member in vars(kind).items()}
            yield from (f"{name} {_instructions(m.__code__)}" for name, m in methods.items() if hasattr(m, "__code__"))


def _instructions(code: CodeType) -> str:
    """What a function does, wherever it was written."""
    constants = [_instructions(value) if isinstance(value, CodeType) else _shown(value) for value in code.co_consts]
    return f"{code.co_code.hex()} {code.co_names} {constants}"


def _shown(constant: object) -> str:
    return repr(sorted(map(repr, constant)) if isinstance(constant, frozenset) else constant)
