"""timm's ConvNeXt V2 with the MP-MAE stem, known to timm as `mp_mae_convnextv2_<size>`.

Architecture: ConvNeXt V2 (Woo et al., 2023, arXiv:2301.00808); stem: MP-MAE (Nedungadi et al., 2024,
arXiv:2405.02771). Everything but the stem, the forward pass included, is timm's.
"""

from collections import OrderedDict
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, cast

import torch
from timm.layers import LayerNorm2d
from timm.layers.grn import GlobalResponseNorm
from timm.models import build_model_with_cfg, generate_default_cfgs, register_model
from timm.models.convnext import ConvNeXt
from torch import nn

from mp_mae.config import MMEARTH_S2_BANDS, SIZES, EncoderConfig, Padding, StemGeometry, check_size, stem_geometry
from mp_mae.errors import UserError
from mp_mae.files.weights_file import describe_wrong

NORM_EPS = 1e-6
_SHOWN = 200
"""Tensors that an error names."""


class MpMaeConvNeXt(ConvNeXt):
    """ConvNeXt V2 that starts at full resolution: (B, in_chans, H, W) -> map (B, widths[3], H / patch, W / patch).

    `forward_head(map, pre_logits=True)` is the pooled feature (B, widths[3]): the mean over the map, then the final
    LayerNorm. Convolutions and linear layers start from a normal distribution of std 0.02 truncated at +-2, biases
    and GRN at 0, LayerNorms at weight 1 and bias 0 (timm's rule, for our stem as well).
    """

    def __init__(
        self,
        *,
        size: str = "atto",
        patch: int = 8,
        padding: Padding = "same",
        grn_eps: float | None = None,
        in_chans: int = len(MMEARTH_S2_BANDS),
        num_classes: int = 0,
        global_pool: str = "avg",
        drop_rate: float = 0.0,
        drop_path_rate: float = 0.0,
    ) -> None:
        check_size(size)
        geometry = stem_geometry(patch, padding)
        depths, widths = SIZES[size]
        super().__init__(
            in_chans=in_chans,
            num_classes=num_classes,
            global_pool=global_pool,
            depths=depths,
            dims=widths,
            ls_init_value=None,
            # timm's own stem is replaced below. Its stride must not be 2, which would make the first stage downsample.
            patch_size=4,
            conv_mlp=False,
            use_grn=True,
            norm_eps=NORM_EPS,
            drop_rate=drop_rate,
            drop_path_rate=drop_path_rate,
        )
        self.size = size
        self.patch = patch
        self.in_chans = in_chans
        self.stem = _build_stem(in_chans, widths[0], geometry)
        for stage, info in enumerate(self.feature_info):
            info["reduction"] = geometry.kernel * 2**stage
        for module in self.modules():
            if isinstance(module, GlobalResponseNorm):
                module.eps = geometry.grn_eps if grn_eps is None else grn_eps


def _build_stem(in_chans: int, width: int, geometry: StemGeometry) -> nn.Sequential:
    """3x3 convolution at full resolution, then one depthwise step per k x k pixels."""
    k = geometry.kernel
    conv = nn.Conv2d(in_chans, width, kernel_size=3, padding=geometry.conv_padding)
    patch = nn.Conv2d(width, width, kernel_size=k, stride=k, padding=geometry.patch_padding, groups=width)
    for layer in (conv, patch):
        nn.init.trunc_normal_(layer.weight, std=0.02)
        nn.init.zeros_(cast(nn.Parameter, layer.bias))
    return nn.Sequential(
        OrderedDict(
            conv=conv,
            conv_norm=LayerNorm2d(width, eps=NORM_EPS),
            act=nn.GELU(),
            patch=patch,
            patch_norm=LayerNorm2d(width, eps=NORM_EPS),
        )
    )


def build_encoder(config: EncoderConfig, drop_path_rate: float = 0.0) -> MpMaeConvNeXt:
    """An untrained encoder without classifier, drawn from torch's global generator; see MpMaeConvNeXt."""
    return _create(
        config.size,
        patch=config.patch,
        padding=config.padding,
        grn_eps=config.grn_eps,
        in_chans=len(config.bands),
        drop_path_rate=drop_path_rate,
    )


def describe_for_timm(config: EncoderConfig) -> dict[str, Any]:
    """What timm wants to find in a `config.json`, as JSON values: with it `timm.create_model("local-dir:FOLDER")` and
    `"hf-hub:USER/NAME"` build this encoder, where `mp_mae.encoder` was imported (timm has no such stem of its own)."""
    n_bands, side = len(config.bands), 7 * config.patch
    return {
        "architecture": f"mp_mae_convnextv2_{config.size}",
        "num_classes": 0,
        "num_features": SIZES[config.size].widths[-1],
        "pretrained_cfg": _timm_cfg(n_bands, side),
        "model_args": {"in_chans": n_bands, "patch": config.patch},
    }


@cache
def encoder_shapes(config: EncoderConfig) -> Mapping[str, torch.Size]:
    """Name and shape of every tensor of an encoder, without allocating one."""
    with torch.device("meta"):
        return MappingProxyType({name: tensor.shape for name, tensor in build_encoder(config).state_dict().items()})


def check_tensors(where: str, found: Mapping[str, Any], wanted: Mapping[str, torch.Size]) -> None:
    """Raises UserError that names every missing or unexpected tensor, and every wrong one and what is wrong with it."""
    wrong = describe_wrong(found, wanted)
    problems = [
        f"{label}: {_listed(names)}"
        for label, names in (
            ("missing", sorted(wanted.keys() - found.keys())),
            ("unexpected", sorted(found.keys() - wanted.keys())),
            ("wrong", wrong),
        )
        if names
    ]
    if problems:
        raise UserError(f"{where}: the encoder's tensors do not fit. {'; '.join(problems)}. Use an intact checkpoint.")


def _listed(names: list[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _create(size: str, pretrained: bool = False, **kwargs: Any) -> Any:
    """timm's builder for one size; `kwargs` are MpMaeConvNeXt's arguments or timm's `features_only`, `out_indices`."""
    name = f"mp_mae_convnextv2_{size}"
    if pretrained and not kwargs.get("pretrained_cfg"):  # as a folder or a repository that timm reads brings it
        raise UserError(
            f"{name}: timm holds no weights for this model. Build it from the folder of an encoder: "
            "mp_mae.checkpoint.load_encoder(folder), or timm.create_model('local-dir:FOLDER', pretrained=True)."
        )
    return build_model_with_cfg(
        MpMaeConvNeXt,
        name,
        pretrained,
        feature_cfg={"out_indices": (0, 1, 2, 3), "flatten_sequential": True},
        size=size,
        **kwargs,
    )


def _timm_cfg(n_bands: int, side: int) -> dict[str, Any]:
    """What timm wants to know of a model; the last map is 7 x 7."""
    return {
        "num_classes": 0,
        "input_size": [n_bands, side, side],
        "pool_size": [7, 7],
        "mean": [0.0] * n_bands,  # inputs are standardised by their dataset's own band statistics
        "std": [1.0] * n_bands,
        "crop_pct": 1.0,
        "first_conv": "stem.conv",
        "classifier": "head.fc",
        "license": "apache-2.0",
    }


default_cfgs = generate_default_cfgs(  # the name under which `register_model` looks for them
    {f"mp_mae_convnextv2_{size}": _timm_cfg(len(MMEARTH_S2_BANDS), 56) for size in SIZES}
)


# timm looks models up by the name of a function, so each size is one. Keywords: those of MpMaeConvNeXt (8 px patches
# and "same" padding unless told), and timm's `features_only` and `out_indices`.


@register_model
def mp_mae_convnextv2_atto(pretrained: bool = False, **kwargs: Any) -> Any:
    """3.4 M parameters, the size of the published MP-MAE results."""
    return _create("atto", pretrained, **kwargs)


@register_model
def mp_mae_convnextv2_femto(pretrained: bool = False, **kwargs: Any) -> Any:
    """Widths 48-96-192-384."""
    return _create("femto", pretrained, **kwargs)


@register_model
def mp_mae_convnextv2_pico(pretrained: bool = False, **kwargs: Any) -> Any:
    """Widths 64-128-256-512."""
    return _create("pico", pretrained, **kwargs)


@register_model
def mp_mae_convnextv2_nano(pretrained: bool = False, **kwargs: Any) -> Any:
    """Widths 80-160-320-640."""
    return _create("nano", pretrained, **kwargs)


@register_model
def mp_mae_convnextv2_tiny(pretrained: bool = False, **kwargs: Any) -> Any:
    """Widths 96-192-384-768."""
    return _create("tiny", pretrained, **kwargs)


@register_model
def mp_mae_convnextv2_base(pretrained: bool = False, **kwargs: Any) -> Any:
    """Widths 128-256-512-1024."""
    return _create("base", pretrained, **kwargs)


@register_model
def mp_mae_convnextv2_large(pretrained: bool = False, **kwargs: Any) -> Any:
    """Widths 192-384-768-1536."""
    return _create("large", pretrained, **kwargs)


@register_model
def mp_mae_convnextv2_huge(pretrained: bool = False, **kwargs: Any) -> Any:
    """Widths 352-704-1408-2816."""
    return _create("huge", pretrained, **kwargs)


@register_model
def mp_mae_convnextv2_demo(pretrained: bool = False, **kwargs: Any) -> Any:
    """Widths 16-32-64-128: for the simulated world, not of the paper."""
    return _create("demo", pretrained, **kwargs)
