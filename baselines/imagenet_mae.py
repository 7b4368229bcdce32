"""The MAE pretrained on ImageNet photographs: ConvNeXt V2's own FCMAE weights as timm distributes them, and MMEarth's.

Woo et al., ConvNeXt V2: Co-designing and Scaling ConvNets with Masked Autoencoders, CVPR 2023. The weights are licensed
CC BY-NC 4.0 by their authors.
"""

from pathlib import Path

from timm.models.convnext import checkpoint_filter_fn, convnextv2_atto

from baselines.bands import RGB
from baselines.contract import Backbone, InputSpec, Origin
from baselines.convnext import ConvNeXtBackbone
from baselines.inputs import IMAGENET_8_BIT, PixelKind
from baselines.weights.fitting import find_weights
from baselines.weights.hub import fetch_from_hub
from mp_mae.checkpoint import hash_tensors
from mp_mae.errors import UserError
from mp_mae.official.original_stem import build_original, read_original_stem

REPOSITORY = "timm/convnextv2_atto.fcmae"
FRESH = {"head.norm.weight", "head.norm.bias"}
"""The final LayerNorm is not part of FCMAE pretraining; it starts as the identity, as for MP-MAE."""


def build(weights: Path | None, seed: int) -> Backbone:
    """ConvNeXt V2 atto with FCMAE weights, fed red, green and blue.

    Args:
        weights: the file timm distributes, in any layout of its names; None: the hub's cache, then the hub.
        seed: unused, the weights decide.
    Raises:
        UserError: weights neither cached nor reachable, or not complete; never a random start.
    """
    path = weights or fetch_from_hub(REPOSITORY, "model.safetensors")
    model = convnextv2_atto(pretrained=False, num_classes=0)
    found = find_weights(
        path,
        model,
        what=f"a complete {REPOSITORY} weights file",
        advice=f"Fetch the {REPOSITORY} weights file again and pass --weights",
        may_lack=FRESH,
        rename=lambda tensors: checkpoint_filter_fn(tensors, model),
    )
    model.load_state_dict(found.state)
    return ConvNeXtBackbone(
        model,
        inputs=InputSpec(bands=RGB, size_multiple=32, pretraining={PixelKind.PHOTOGRAPH: IMAGENET_8_BIT}),
        origin=Origin(weights_sha256=hash_tensors(model.state_dict()), description=f"timm {REPOSITORY}, {found.place}"),
    )


def build_published(weights: Path | None, seed: int) -> Backbone:
    """MMEarth's own ImageNet checkpoint, the ImageNet row of its table, in the geometry of its evaluation.

    Images are not padded to whole patches of 32 px, as there; what is not known of it stands in
    `mp_mae.official.original_stem`.

    Args:
        weights: `pt-imagenet_atto_200epochs_224_32`, or another official file of that layout.
        seed: unused, the weights decide.
    Raises:
        UserError: no weights given, or they are of another layout or incomplete.
    """
    if weights is None:
        raise UserError(
            "it evaluates MMEarth's own ImageNet checkpoint and none was given. Pass --weights FILE: "
            "pt-imagenet_atto_200epochs_224_32. For timm's ImageNet weights choose --backbone imagenet_mae"
        )
    found = read_original_stem(weights)
    model = build_original(found.size)
    model.load_state_dict(dict(found.state))
    return ConvNeXtBackbone(
        model,
        inputs=InputSpec(bands=RGB, pretraining={PixelKind.PHOTOGRAPH: IMAGENET_8_BIT}, native_size_px=224),
        origin=Origin(
            weights_sha256=hash_tensors(model.state_dict()),
            description=f"{weights.name}: {found.size}, 32 px patches",
            settings={"padding": "published"},
        ),
    )
