"""The learning rate as a function of the step alone: nothing to save, nothing to restore."""

import math


def scaled_rate(base_rate: float, batch: int) -> float:
    """The peak rate of a batch, linear in its size; `base_rate` is that of 256 images (Goyal et al., 2017)."""
    return base_rate * batch / 256


def learning_rate(step: int, *, peak: float, warmup_steps: int, total_steps: int) -> float:
    """Rate of optimizer step `step` (from 0): linear from 0 to the peak, then half a cosine down to 0.

    0 at step 0 of a warm-up, the peak at step `warmup_steps`, and 0 at `total_steps`, which is no step any more.

    Source: the published pretraining of MP-MAE, per step; Loshchilov and Hutter, 2017 (arXiv:1608.03983), eq. 5.
    """
    if step < warmup_steps:
        return peak * step / warmup_steps
    progress = (step - warmup_steps) / max(total_steps - warmup_steps, 1)
    return peak * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
