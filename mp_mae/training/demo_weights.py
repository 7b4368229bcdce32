"""The demo weights: three pretraining strategies on the same simulated tiles, for the same number of steps."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from mp_mae.checkpoint import load_checkpoint, save_checkpoint
from mp_mae.training.export import ENCODER
from mp_mae.training.log import LOG
from mp_mae.training.loop import Finished, pretrain
from mp_mae.training.progress import Reporter
from mp_mae.training.recipes import RECIPES

STRATEGIES = {"mp_mae": "all", "optical_mae": "s2", "rgb_mae": "rgb"}
"""Backbone -> preset of pretext tasks. They differ in nothing else."""


def train_demo_weights(
    data: Path, work: Path, out: Path, *, reporter: Callable[[], Reporter], stop: Callable[[], bool]
) -> Finished:
    """Train every strategy by the recipe `demo`, or go on where an interrupted call was; returns the last training.

    Args:
        data: folder of a simulated MMEarth dataset.
        work: gets a folder of each training.
        out: gets a folder of each encoder with the log of its training.
    Raises:
        UserError: as `pretrain` does.
    """
    for name, preset in STRATEGIES.items():
        settings = replace(RECIPES["demo"](str(data)), preset=(preset,))
        finished = pretrain(settings, work / name, resume=True, reporter=reporter(), stop=stop)
        if not finished.complete:
            break
        save_checkpoint(load_checkpoint(work / name / ENCODER), out / name)
        shutil.copyfile(work / name / LOG, out / name / LOG)
    return finished
