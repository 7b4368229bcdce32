"""Numbers with their intervals, and how much worse each is than the same with nothing missing."""

from dataclasses import dataclass

import numpy as np

from harness.metrics.bootstrap import once_and_resampled, percentile_interval
from harness.metrics.scored import score_split
from harness.multimodal.questions import Seen
from leaderboards.schema import FittedOn, Question


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One question, as the columns of the table multimodal tell it."""

    what: Question
    seen: Seen
    metric: str
    higher_is_better: bool
    k: int | None = None
    gallery: str | None = None
    fitted_on: FittedOn | None = None


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A number and what is known of it."""

    asked: Asked
    value: float | None
    """None: undefined."""
    ci_low: float | None
    ci_high: float | None
    loss: float | None
    """None: nothing is missing, or undefined."""
    loss_low: float | None
    loss_high: float | None
    chance: float | None
    n: int
    n_gallery: int | None = None


def image_weights(places: np.ndarray | None, n: int, seed: int) -> np.ndarray:
    """How often each of n images counts: (1 + B, n) float32, once each, then as places are drawn with replacement.

    Images of one position are drawn together, as they say much the same.

    Args:
        places: (n, 2) degrees, NaN = not known; None: every image is a place of its own, as one without a place is.
    """
    if places is None:
        return once_and_resampled(n, seed)
    known = np.isfinite(places).all(axis=1)
    group = np.arange(n)
    _, first, of_known = np.unique(places[known], axis=0, return_index=True, return_inverse=True)
    group[known] = group[known][first][of_known.reshape(-1)]
    _, group = np.unique(group, return_inverse=True)
    return once_and_resampled(int(group.max(initial=-1)) + 1, seed)[:, group]


def answer(
    asked: Asked,
    values: np.ndarray,
    whole: np.ndarray | None,
    *,
    chance: float | None,
    n: int,
    n_gallery: int | None = None,
) -> Answer:
    """From (1 + B,) values on the images and on their resamples; NaN: undefined.

    Args:
        whole: the values of the same question with nothing missing, on the same resamples; None: this is it.
    """
    score = score_split(asked.metric, values)
    loss: float | None = None
    low, high = None, None
    if whole is not None:
        losses = (whole - values) * (1 if asked.higher_is_better else -1)
        loss = None if np.isnan(losses[0]) else float(losses[0])
        low, high = (None, None) if loss is None else percentile_interval(losses[1:]) or (None, None)
    return Answer(
        asked=asked,
        value=score.value,
        ci_low=score.ci_low,
        ci_high=score.ci_high,
        loss=loss,
        loss_low=low,
        loss_high=high,
        chance=chance,
        n=n,
        n_gallery=n_gallery,
    )
