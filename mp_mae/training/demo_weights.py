"""The demo weights: several pretraining strategies on the same simulated tiles, for the same number of steps."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from mp_mae.files.replace_folder import replacing
from mp_mae.training.export import ENCODER
from mp_mae.training.log import LOG
from mp_mae.training.loop import Finished, pretrain
from mp_mae.training.progress import Reporter
from mp_mae.training.recipes import RECIPES
from mp_mae.training.settings import vary

STRATEGIES = {"mp_mae": "all", "optical_mae": "s2", "rgb_mae": "rgb", "clip": "clip"}
"""Backbone -> preset of what it learns from, which also chooses the objective. They differ in nothing else."""


def train_demo_weights(
    strategies: Sequence[str],
    data: Path,
    work: Path,
    out: Path,
    *,
    reporter: Callable[[], Reporter],
    stop: Callable[[], bool],
) -> Finished:
    """Train strategies by the recipe `demo`, or go on where an interrupted call was; returns the last training.

    Args:
        strategies: names in STRATEGIES, at least one.
        data: folder of a simulated MMEarth dataset.
        work: gets a folder of each training.
        out: gets a folder of each model with the log of its training.
    Raises:
        UserError: as `pretrain` does.
    """
    for name in strategies:
        settings = vary(RECIPES["demo"](str(data)), {"preset": STRATEGIES[name]}, f"demo weights {name}")
        finished = pretrain(settings, work / name, resume=True, reporter=reporter(), stop=stop)
        if not finished.complete:
            break
        with replacing(out / name) as folder:
            shutil.copytree(work / name / ENCODER, folder, dirs_exist_ok=True)
            shutil.copyfile(work / name / LOG, folder / LOG)
    return finished
