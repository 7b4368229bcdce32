"""The MAE pretrained on ImageNet photographs: ConvNeXt V2's own FCMAE weights, as timm distributes them.

Woo et al., ConvNeXt V2: Co-designing and Scaling ConvNets with Masked Autoencoders, CVPR 2023. The weights are licensed
CC BY-NC 4.0 by their authors.
"""

from pathlib import Path

from timm.data.constants import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from timm.models.convnext import ConvNeXt, checkpoint_filter_fn, convnextv2_atto
from torch import Tensor

from baselines.contract import Backbone, InputSpec, Origin
from baselines.convnext import ConvNeXtBackbone
from baselines.inputs import Moments, PixelKind
from baselines.weights.complete import refuse_incomplete
from baselines.weights.hub import fetch_from_hub
from mp_mae.checkpoint import hash_tensors
from mp_mae.errors import UserError
from mp_mae.files.weights_file import load_safetensors, load_weights_only

REPOSITORY = "timm/convnextv2_atto.fcmae"
STATISTICS = {
    band: Moments(255 * mean, 255 * std)
    for band, mean, std in zip(("red", "green", "blue"), IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD, strict=True)
}
"""Of ImageNet's photographs: timm has them for values of 0 to 1."""
FRESH = {"head.norm.weight", "head.norm.bias"}
"""The final LayerNorm is not part of FCMAE pretraining; it starts as the identity, as for MP-MAE."""


def build(weights: Path | None, seed: int) -> Backbone:
    """ConvNeXt V2 atto with FCMAE weights, fed red, green and blue.

    Args:
        weights: the file timm distributes (`.safetensors` or `.bin`); None: the hub's cache, then the hub.
        seed: unused, the weights decide.
    Raises:
        UserError: weights neither cached nor reachable, or not complete; never a random start.
    """
    path = weights or fetch_from_hub(REPOSITORY, "model.safetensors")
    model = convnextv2_atto(pretrained=False, num_classes=0)
    model.load_state_dict(_read_state(path, model), strict=False)
    return ConvNeXtBackbone(
        model,
        inputs=InputSpec(
            bands=("red", "green", "blue"), size_multiple=32, pretraining={PixelKind.PHOTOGRAPH: STATISTICS}
        ),
        origin=Origin(weights_sha256=hash_tensors(model.state_dict()), description=f"timm {REPOSITORY}"),
    )


def _read_state(path: Path, model: ConvNeXt) -> dict[str, Tensor]:
    """Every tensor of the model but FRESH, in the model's own names.

    Raises:
        UserError: it is another file, or incomplete, or has values that are none.
    """
    refetch = f"Fetch the {REPOSITORY} weights file again and pass --weights"
    content = load_safetensors(path, refetch) if path.suffix == ".safetensors" else load_weights_only(path)
    if not isinstance(content, dict) or not all(isinstance(name, str) for name in content):
        raise UserError(f"{path}: not a {REPOSITORY} weights file: no tensors by name. {refetch}")
    wrong = [name for name, tensor in content.items() if not isinstance(tensor, Tensor)]
    try:
        state = {} if wrong else checkpoint_filter_fn(content, model)
    except (RuntimeError, ValueError, LookupError, NotImplementedError) as error:
        raise UserError(f"{path}: not a {REPOSITORY} weights file: {error}. {refetch}") from error
    where = f"{path}: not a complete {REPOSITORY} weights file"
    refuse_incomplete(state, model, where=where, advice=refetch, may_lack=FRESH, wrong=wrong)
    return state
