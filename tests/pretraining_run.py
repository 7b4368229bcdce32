"""A training that takes seconds, for tests: generated tiles of 16 px, a narrow decoder, one thread's worth of work."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from torch import Tensor

from mp_mae.training.loop import Finished, pretrain
from mp_mae.training.progress import Silent
from mp_mae.training.setting_values import AUTO
from mp_mae.training.settings import Settings, vary

TINY = {
    "crop": 16,
    "patch": 8,
    "mask_ratio": 0.5,
    "decoder_width": 8,
    "batch": 4,
    "epochs": 2,
    "base_rate": 0.05,
    "device": "cpu",
    "precision": "float32",
    "workers": 1,
}
"""Settings of such a training; of a dataset of 12 tiles it takes 6 steps."""


def tiny_settings(data: Path, **changes: Any) -> Settings:
    return changed(Settings(data=str(data)), **{**TINY, **changes})


def changed(settings: Settings, **changes: Any) -> Settings:
    """Settings with other values, by key: the objective's own are keys like all others. None is `auto`."""
    return vary(settings, {key: AUTO if value is None else value for key, value in changes.items()}, "test")


def train(settings: Settings, out: Path, *, resume: bool = False, stop: Callable[[], bool] = lambda: False) -> Finished:
    return pretrain(settings, out, resume=resume, reporter=Silent(), stop=stop)


def after(steps: int, asks: int = 1) -> Callable[[], bool]:
    """Asks to stop once `steps` steps have been done: the loop asks as often in each as it has micro-batches."""
    asked = iter(range(1, steps * asks + 1))
    return lambda: next(asked) == steps * asks


def weights(out: Path, step: int) -> dict[str, Tensor]:
    """The model's tensors in the checkpoint of a step."""
    return load_file(out / "checkpoints" / f"step-{step:08d}" / "model.safetensors")
