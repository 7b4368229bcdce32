"""The settings of training, and what follows from them alone: how many updates there are, at what rate, when judged.

Training is measured in updates. One update sees the effective batch, `batch_size` images, however many fit into memory
at a time and however many devices share them.
"""

import math
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """How any network is trained by AdamW: how long, at what rate, and when it is looked at."""

    version: int = 1
    epochs: int = 50
    min_updates: int = 300
    """Made even if fewer fill the epochs: a partition of twenty images has one update an epoch."""
    batch_size: int = 64
    """Images per update; all of train if there are fewer."""
    rate: float = 1e-3
    """Peak learning rate, of the head."""
    final_rate: float = 1e-6
    warmup: float = 0.1
    """Share of the updates in which the rate rises linearly from 0."""
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.05
    """Of matrices and kernels; biases, norms and other vectors have none."""
    evaluations: int = 20
    """How often valid is looked at, evenly spread over the updates, if it chooses among them; else only at the end."""


@dataclass(frozen=True, kw_only=True)
class FineTuneSettings(Schedule):
    """The documented defaults; `docs/protocols.md` gives their sources."""

    version: int = 2
    """2: batch norms keep their pretrained statistics, dropout is off, what lies around timm's layers is trained."""
    trials: int = 0
    """Trials that choose `rate`, `weight_decay`, `drop_path` and `layer_decay` on valid; 0: they are as given here."""
    backbone_decays: bool = True
    """Whether the weight decay holds for the backbone too."""
    layer_decay: float = 0.9
    """Rate of a layer as a fraction of that of the layer above it."""
    drop_path: float = 0.1
    """Share of samples for which the last residual block is skipped; the first is never, between them in proportion."""
    smoothing: float = 0.1
    """Single-label and masks: mass spread over all classes. Multi-label: targets are s and 1 - s. Numbers: none."""
    flips: bool = True
    """Up-down and left-right, half of the samples each: from above, an image has no up."""
    erasing: float = 0.25
    """Share of samples of which a rectangle is erased, that is made no data."""
    head_first: float = 0.0
    """Share of the updates that train the head alone, the backbone frozen."""


MASK_DEFAULTS = FineTuneSettings(batch_size=16, smoothing=0.0, erasing=0.0, head_first=0.1)
"""A fresh decoder is much of the network: it starts alone. A mask tells of erased pixels what nobody can see."""

NUMBER_DEFAULTS = FineTuneSettings(smoothing=0.0, erasing=0.0)
"""A number is of the whole image: what is counted or measured may lie where an image is erased."""

PUBLISHED = FineTuneSettings(
    epochs=100,
    min_updates=0,
    batch_size=1024,
    rate=8e-4,
    warmup=0.0,
    weight_decay=0.3,
    smoothing=0.2,
    flips=False,
    erasing=0.0,
)
"""MP-MAE's for m-bigearthnet and m-so2sat, atto: base rate 2e-4 for 256 images, 64 x 16 of them an update."""

PUBLISHED_MASKS = FineTuneSettings(
    epochs=200,
    min_updates=0,
    batch_size=32,
    rate=1.25e-3,
    warmup=0.0,
    weight_decay=0.3,
    backbone_decays=False,
    layer_decay=1.0,
    smoothing=0.0,
    flips=False,
    erasing=0.0,
    head_first=0.25,
)
"""MP-MAE's for m-cashew-plant and m-SA-crop-type: decoder alone for 50 of 200 epochs. The backbone then joins at the
decoder's rate and without weight decay, which is what the published code does whatever its options say."""


def effective_batch(n_train: int, settings: Schedule) -> int:
    """Images per update."""
    return min(settings.batch_size, n_train)


def count_updates(n_train: int, settings: Schedule) -> int:
    """Updates in all. What does not fill the last batch of an epoch comes first in the next."""
    return max(settings.epochs * (n_train // effective_batch(n_train, settings)), settings.min_updates)


def evaluated_after(n_updates: int, settings: Schedule) -> list[int]:
    """Numbers of updates after which valid is looked at, the last always among them."""
    count = min(settings.evaluations, n_updates)
    return [round((i + 1) * n_updates / count) for i in range(count)]


def learning_rates(n_updates: int, settings: Schedule) -> list[float]:
    """The rate of every update."""
    n_warmup = round(settings.warmup * n_updates)
    return [
        cosine_rate(update, n_updates, peak=settings.rate, final=settings.final_rate, n_warmup=n_warmup)
        for update in range(n_updates)
    ]


def cosine_rate(done: float, total: float, *, peak: float, final: float, n_warmup: int = 0) -> float:
    """The learning rate after `done` of `total` updates, or epochs: half a cosine from the peak to the final rate.

    Before that it rises linearly: the last of the first `n_warmup` updates has the peak rate.

    Source: Loshchilov and Hutter, 2017 (arXiv:1608.03983), eq. 5.
    """
    if done < n_warmup:
        return peak * (done + 1) / n_warmup
    progress = (done - n_warmup) / (total - n_warmup)
    return final + (peak - final) * 0.5 * (1.0 + math.cos(math.pi * progress))
