"""MP-MAE: an encoder pretrained on MMEarth's pretext tasks, from an official checkpoint or one of ours.

Nedungadi et al., MMEarth: Exploring Multi-Modal Pretext Tasks For Geospatial Representation Learning, ECCV 2024.
"""

from pathlib import Path
from typing import Literal

from baselines.contract import Backbone, InputSpec, Origin
from baselines.convnext import ConvNeXtBackbone
from mp_mae.checkpoint import build_from_checkpoint, load_checkpoint
from mp_mae.errors import UserError

_SWAPPED = {"B8": "B8A", "B8A": "B8"}


def build(weights: Path | None, seed: int, *, padding: Literal["same", "published"] = "same") -> Backbone:
    """An MP-MAE encoder.

    Args:
        weights: official MMEarth checkpoint (`.pth`) or a folder written by `mp_mae.checkpoint`.
        seed: unused, the weights decide.
        padding: `published` repeats the published evaluation: its geometry (images are not padded to whole patches
            either) and its exchange of B8 and B8A between pretraining and evaluation.
    Raises:
        UserError: no weights given, or they cannot be loaded completely.
    """
    if weights is None:
        raise UserError(
            "mp_mae evaluates a pretrained checkpoint and none was given. Pass --weights FILE: an official MMEarth "
            "checkpoint (.pth) or a folder written by mp_mae. For untrained weights choose --backbone random_init"
        )
    checkpoint = load_checkpoint(weights)
    published = padding == "published"
    bands = checkpoint.encoder.bands
    return ConvNeXtBackbone(
        build_from_checkpoint(checkpoint, padding=padding),
        inputs=InputSpec(
            bands=tuple(_SWAPPED.get(band, band) for band in bands) if published else bands,
            size_multiple=1 if published else checkpoint.encoder.patch,
        ),
        origin=Origin(
            weights_sha256=checkpoint.sha256,
            description=f"{weights.name}: {checkpoint.encoder.size}, {checkpoint.encoder.patch} px patches",
            settings={"padding": padding},
        ),
    )
