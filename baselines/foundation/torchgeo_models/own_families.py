"""Models that are code of their own and read bands of their own: CROMA, Scale-MAE, DEO, OlmoEarth."""

from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from baselines.contract import Features, Level
from baselines.facts import Fact, Facts
from baselines.foundation.built import Built, wrapped
from baselines.foundation.record import Record
from baselines.foundation.tokens import as_map
from baselines.foundation.torchgeo_models.choice import Choice
from baselines.foundation.torchgeo_models.library import find_builder
from mp_mae.errors import NotHereError

_CROMA_READS = {"optical": ["optical"], "sar": ["sar"], "joint": ["sar", "optical"]}
_CROMA_PARTS = ("s1_encoder.", "s1_GAP_FFN.", "s2_encoder.", "s2_GAP_FFN.", "joint_encoder.")


def build_croma(record: Record, choice: Choice) -> Built:
    """CROMA of optical bands, of radar (VV, VH), or of both, radar first; cells of 8 x 8 pixels of 120."""
    reads = _CROMA_READS[choice.modality]
    network: Any = find_builder(record)(modalities=reads, image_size=120)

    def call(network: Any, x: Tensor, facts: Facts) -> Features:
        """Two standard deviations below and above the mean are 0 and 1 to it; the contract has clipped the rest."""
        x = x / 4 + 0.5
        n_radar = 2 if "sar" in reads else 0
        out = network(
            x_sar=x[:, :n_radar] if n_radar else None, x_optical=x[:, n_radar:] if "optical" in reads else None
        )
        height, width = (side // 8 for side in x.shape[-2:])
        return Features(
            vector=out[f"{choice.modality}_GAP"], maps=(as_map(out[f"{choice.modality}_encodings"], height, width),)
        )

    return Built(
        network=network,
        wrap=wrapped(call, Level(channels=network.encoder_dim, stride=8)),
        may_lack=frozenset({"attn_bias"}),  # follows from the size of images, and is no weight
        spare=_CROMA_PARTS,
    )


def build_scale_mae(record: Record, choice: Choice) -> Built:
    """Scale-MAE, whose positions follow from how many metres a pixel is wide."""
    network: Any = find_builder(record)(img_size=224, num_classes=0)

    def call(network: Any, x: Tensor, facts: Facts) -> Features:
        network.res = facts.bands[0].gsd_m if Fact.GSD in choice.inputs.uses else choice.gsd_m
        tokens = network.forward_features(x)
        height, width = (side // 16 for side in x.shape[-2:])
        return Features(vector=network.forward_head(tokens, pre_logits=True), maps=(as_map(tokens, height, width),))

    level = Level(channels=network.embed_dim, stride=16)
    return Built(network=network, wrap=wrapped(call, level), spare=("head.", "decoder", "mask_token"))


def build_deo(record: Record, choice: Choice) -> Built:
    """DEO's Swin over ten bands of Sentinel-2; the vector is the mean of its last map."""
    network: Any = find_builder(record)()

    def call(network: Any, x: Tensor, facts: Facts) -> Features:
        maps = [level.permute(0, 3, 1, 2) for level in network.forward_features(x)]
        return Features(vector=maps[-1].mean(dim=(2, 3)), maps=tuple(maps))

    pyramid = tuple(Level(channels=128 << stage, stride=4 << stage) for stage in range(4))
    return Built(network=network, wrap=wrapped(call, *pyramid))


_OLMO_PARTS = ("decoder.", "target_encoder.", "reconstructor.")


def build_olmo_earth(record: Record, choice: Choice) -> Built:
    """The encoder of OlmoEarth, over one image of Sentinel-2 or Sentinel-1 in cells of 8 x 8 pixels."""
    try:
        package = import_module("olmoearth_pretrain_minimal")
        types = import_module("olmoearth_pretrain_minimal.olmoearth_pretrain_v1.utils.datatypes")
    except ModuleNotFoundError as error:
        raise NotHereError(
            f"the network's code is in olmoearth-pretrain-minimal, of which {error.name} is not installed. Run: "
            "pip install 'mp-mae-bench[olmoearth]'"
        ) from error
    size = record.arguments["model_size"]
    encoder = package.OlmoEarthPretrain_v1(model_size=size, model_version="v1").model.encoder
    network = nn.ModuleDict({"encoder": encoder})

    def call(network: Any, x: Tensor, facts: Facts) -> Features:
        """Two standard deviations below and above the mean are 0 and 1 to it. Every image is of July 2020, and square:
        the border of others is repeated, and what was repeated is left out again."""
        height, width = x.shape[-2:]
        side = max(height, width)
        square = F.pad(x, (0, side - width, 0, side - height), mode="replicate")
        pixels = (square / 4 + 0.5).permute(0, 2, 3, 1).unsqueeze(3)  # (B, H, W, one date, C)
        day = torch.tensor(record.arguments["day_month_year"], device=x.device).expand(len(x), 1, 3)
        seen = torch.zeros_like(pixels)  # 0: known to the encoder
        sample = types.MaskedOlmoEarthSample(
            timestamps=day, **{choice.modality: pixels, f"{choice.modality}_mask": seen}
        )
        out = network["encoder"](sample, patch_size=8, input_res=10, fast_pass=True)
        tokens = getattr(out["tokens_and_masks"], choice.modality)  # (B, h, w, one date, groups of bands, D)
        cells = tokens.mean(dim=(3, 4)).permute(0, 3, 1, 2)[..., : height // 8, : width // 8]
        return Features(vector=cells.mean(dim=(2, 3)), maps=(cells,))

    level = Level(channels=record.arguments["width"], stride=8)
    return Built(network=network, wrap=wrapped(call, level), spare=_OLMO_PARTS)
