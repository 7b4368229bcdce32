"""Learning is real: on tiles that were held out, every modality is predicted far better than by a constant."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from torch import Tensor

from generated_mmearth import write_mmearth
from mmearth_layouts import NOTHING
from mp_mae.data import write as world
from mp_mae.data.loader import Loader, evaluation_requests
from mp_mae.masking import draw_mask
from mp_mae.modalities import MMEARTH, S2_STORED
from mp_mae.training.export import find_state
from mp_mae.training.plan import open_files
from mp_mae.training.settings import Settings
from pretraining_run import tiny_settings, train
from shared_fixtures import copy_files, shared_fixtures

LEARNT = 0.7
"""Largest share of the loss of the best constant prediction that counts as learnt."""


def shares_of_constant(settings: Settings, out: Path, judged: str = "val") -> dict[str, float]:
    """Loss on a split as a share of that of predicting the training split's mean or class frequencies."""
    train(settings, out)
    model = find_state(out).build_model().eval()
    files = open_files(settings)
    assert settings.crop
    loader = Loader(files, capacity=files.n_tiles, crop=settings.crop, device=torch.device("cpu"))
    seen, held_out = (
        next(loader.batches(evaluation_requests(files, files.rows(split), files.n_tiles, crop=settings.crop)))
        for split in ("train", judged)
    )
    mask = draw_mask(torch.Generator().manual_seed(1), len(held_out.rows), (settings.crop // 8) ** 2, 0.5)
    with torch.inference_mode():
        found = model(held_out.input, held_out.targets, mask)
    constant = losses_of_constants(held_out.targets, seen.targets)
    return {name: found.by_task[name].item() / constant[name].item() for name in held_out.targets}


def losses_of_constants(targets: Mapping[str, Tensor], seen: Mapping[str, Tensor]) -> dict[str, Tensor]:
    losses = {}
    for name, target in targets.items():
        if MMEARTH[name].kind.is_class:
            known = seen[name][seen[name] >= 0]
            counts = torch.bincount(known, minlength=MMEARTH[name].n_classes) + 1e-3
            frequencies = (counts / counts.sum()).log().expand(target.numel(), -1)
            losses[name] = torch.nn.functional.nll_loss(frequencies, target.flatten(), ignore_index=-1)
        elif name == "sentinel2":
            losses[name] = torch.tensor(1.0)  # optical targets have mean 0 and variance 1 in every patch
        else:
            mean = seen[name].nanmean((0, 2, 3) if target.ndim == 4 else (0,), keepdim=True)
            losses[name] = (target - mean).square().nanmean()
    return losses


def test_every_modality_is_learnt_on_generated_tiles(tmp_path):
    data = write_mmearth(tmp_path / "tiles", n=160, side=16, held_out=32)
    settings = tiny_settings(data, batch=16, epochs=10, base_rate=0.04, decoder_width=64)
    shares = shares_of_constant(settings, tmp_path / "run")
    assert set(shares) == set(MMEARTH)
    assert max(shares.values()) < LEARNT, shares


@pytest.mark.slow
def test_every_modality_of_the_simulated_world_can_be_learnt(tmp_path):
    """By heart: few tiles do not tell longitude or slope from the colours of other places."""
    world.write_mmearth(tmp_path / "world", 0, 16, size_px=16)
    settings = tiny_settings(tmp_path / "world", batch=8, epochs=150, base_rate=0.05, decoder_width=64, clip_norm=1.0)
    shares = shares_of_constant(settings, tmp_path / "run", judged="train")
    assert set(shares) == set(MMEARTH)
    assert max(shares.values()) < LEARNT, shares


@pytest.mark.slow
def test_optical_and_radar_pixels_are_learnt_where_there_is_nothing_else(tmp_path):
    """Of the radar, too, only two channels are known, as in files of one orbit, and no tile has a cirrus band."""
    data = write_mmearth(tmp_path / "tiles", n=160, side=16, held_out=32)
    with h5py.File(data / "tiles.h5", "a") as file:
        file["sentinel1"][:, 2:] = -np.inf
        file["sentinel2"][:, S2_STORED.index("B10")] = 0
        for name, value in NOTHING.items():
            if name in file:
                file[name][...] = value
    settings = optical_and_radar(data, batch=16, epochs=10, base_rate=0.04)
    shares = shares_of_constant(settings, tmp_path / "run")
    assert max(shares.values()) < LEARNT, shares


@pytest.mark.slow
def test_optical_and_radar_pixels_are_learnt_on_published_tiles(tmp_path):
    """Nine tiles say nothing about months and places; the other modalities have no values in this file."""
    data = copy_files(shared_fixtures("mmearth", "data_real_v001"), tmp_path / "data_real_v001")
    # Land and sea in both splits; in the file's own, most of what is held out is of a kind that training never sees.
    splits = {"train": [0, 1, 2, 3, 6, 8], "val": [4, 5, 7]}
    (data / f"{data.name}_splits.json").write_text(json.dumps(splits))
    settings = optical_and_radar(data, batch=6, epochs=60, base_rate=0.06, crop=32, turn=True, weighting="sum")
    shares = shares_of_constant(settings, tmp_path / "run")
    assert max(shares.values()) < LEARNT, shares


def optical_and_radar(data: Path, **changes: Any) -> Settings:
    return tiny_settings(data, preset=("sentinel2", "sentinel1"), decoder_width=64, **changes)
