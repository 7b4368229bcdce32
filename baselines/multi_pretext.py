"""Encoders pretrained on MMEarth, from an official checkpoint or one of ours: MP-MAE and its optical-only counterparts.

All three are one model and one trainer; they differ in what was predicted and in the bands that are read.

Nedungadi et al., MMEarth: Exploring Multi-Modal Pretext Tasks For Geospatial Representation Learning, ECCV 2024.
"""

from pathlib import Path
from typing import Literal

from baselines.contract import Backbone, InputSpec, Origin
from baselines.convnext import ConvNeXtBackbone
from baselines.inputs import PretrainingStatistics
from baselines.weights.statistics import read_statistics
from mp_mae.checkpoint import Checkpoint, build_from_checkpoint, load_checkpoint
from mp_mae.errors import UserError
from mp_mae.modalities import PRESET_BANDS, PRESETS

_SWAPPED = {"B8": "B8A", "B8A": "B8"}

Pretext = Literal["any", "s2", "rgb"]


def build(
    weights: Path | None, seed: int, *, padding: Literal["same", "published"] = "same", pretext: Pretext = "any"
) -> Backbone:
    """An encoder of `mp_mae`.

    Args:
        weights: official MMEarth checkpoint (`.pth`) or a folder written by `mp_mae.checkpoint`.
        seed: unused, the weights decide.
        padding: `published` repeats the published evaluation: its geometry (images are not padded to whole patches
            either) and its exchange of B8 and B8A between pretraining and evaluation.
        pretext: what the weights must have been trained to predict: `s2` Sentinel-2 alone, `rgb` its B2, B3, B4 alone.
    Raises:
        UserError: no weights given, they cannot be loaded completely, or were trained to predict something else.
    """
    if weights is None:
        raise UserError(
            "it evaluates a pretrained checkpoint and none was given. Pass --weights FILE: an official MMEarth "
            "checkpoint (.pth) or a folder written by mp_mae. For untrained weights choose --backbone random_init"
        )
    checkpoint = load_checkpoint(weights)
    _check_pretext(weights, checkpoint, pretext)
    published = padding == "published"
    bands = checkpoint.encoder.bands
    return ConvNeXtBackbone(
        build_from_checkpoint(checkpoint, padding=padding),
        inputs=InputSpec(
            bands=tuple(_SWAPPED.get(band, band) for band in bands) if published else bands,
            size_multiple=1 if published else checkpoint.encoder.patch,
            pretraining=_pretraining_statistics(weights, checkpoint),
        ),
        origin=Origin(
            weights_sha256=checkpoint.sha256,
            description=f"{weights.name}: {checkpoint.encoder.size}, {checkpoint.encoder.patch} px patches",
            settings={"padding": padding},
        ),
    )


def _pretraining_statistics(weights: Path, checkpoint: Checkpoint) -> PretrainingStatistics:
    """The statistics our own checkpoints hold, of each Sentinel-2 processing level; official files hold none."""
    return read_statistics(weights, checkpoint.summary.normalisation or {}, ("sentinel2",))


def _check_pretext(weights: Path, checkpoint: Checkpoint, pretext: Pretext) -> None:
    """A row called optical-only must not hold the score of an encoder that saw more."""
    if pretext == "any":
        return
    listed = checkpoint.summary.modalities.get("outputs", ())
    outputs = tuple(name for name in listed if isinstance(name, str)) if isinstance(listed, (list, dict)) else ()
    bands = checkpoint.encoder.bands
    if outputs != PRESETS[pretext] or set(bands) != set(PRESET_BANDS.get(pretext, bands)):
        predicted = ", ".join(outputs) or "nobody knows what"
        raise UserError(
            f"{weights}: wanted weights pretrained by --preset {pretext}, found an encoder that reads "
            f"{' '.join(bands)} and predicted {predicted}. Evaluate it as --backbone mp_mae"
        )
