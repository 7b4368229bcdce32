"""The control every claim is measured against: MP-MAE's architecture with weights that learned nothing."""

from pathlib import Path

import torch

from baselines.contract import Backbone, InputSpec, Origin
from baselines.convnext import ConvNeXtBackbone
from mp_mae.checkpoint import hash_tensors
from mp_mae.config import MMEARTH_S2_BANDS, EncoderConfig
from mp_mae.encoder import build_encoder


def build(weights: Path | None, seed: int, *, size: str = "atto") -> Backbone:
    """ConvNeXt V2 of that size, 8 px patches, twelve Sentinel-2 bands, drawn from `seed`: each seed another network."""
    config = EncoderConfig(size=size, bands=MMEARTH_S2_BANDS, patch=8)
    with torch.random.fork_rng(devices=[]):  # timm initialises from the global generator
        torch.manual_seed(seed)
        model = build_encoder(config)
    return ConvNeXtBackbone(
        model,
        inputs=InputSpec(bands=config.bands, size_multiple=config.patch),
        origin=Origin(weights_sha256=hash_tensors(model.state_dict()), description=f"untrained, seed {seed}"),
    )
