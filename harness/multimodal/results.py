"""Answers as rows of the leaderboard's table multimodal, each with its identity."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from harness.multimodal.answers import Answer, Asked
from harness.multimodal.material import Described
from leaderboards.schema import MultimodalRow

IDENTITY_VERSION = 1
"""Raised when the same question would be answered by another number."""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Where a probe is fitted and where it is tested; the same for all that is no transfer."""

    fitted: Described
    tested: Described

    @property
    def configuration(self) -> dict[str, Any]:
        """JSON-able: what decides every number of the pair beside the question and the seed."""
        own = {"identity_version": IDENTITY_VERSION, "evaluated": list(self.tested.channels)}
        own |= {"tested": dict(self.tested.configuration)}
        return own if self.fitted is self.tested else {**own, "fitted": dict(self.fitted.configuration)}


@dataclass(frozen=True, kw_only=True)
class Model:
    """Whose embedding space it is."""

    backbone: str
    """The name it was chosen by, which decides nothing."""
    weights_sha256: str


def result_id(model: Model, configuration: Mapping[str, Any], asked: Asked, seed: int) -> str:
    """SHA-256 (64 hex digits) over all that decides an answer."""
    question = {
        "what": asked.what,
        "modalities": asked.seen.modalities,
        "channel_of": asked.seen.channel_of,
        "missing_channel": asked.seen.missing_channel,
        "metric": asked.metric,
        "k": asked.k,
        "gallery": asked.gallery,
        "fitted_on": asked.fitted_on,
    }
    deciding = {"weights_sha256": model.weights_sha256, "configuration": configuration, "asked": question, "seed": seed}
    return hashlib.sha256(json.dumps(deciding, sort_keys=True, allow_nan=False).encode()).hexdigest()


def as_row(model: Model, pair: Pair, found: Answer, seed: int, finished_at: datetime) -> MultimodalRow:
    """What the leaderboard keeps of an answer."""
    asked, configuration = found.asked, pair.configuration
    return MultimodalRow(
        result_id=result_id(model, configuration, asked, seed),
        suite=pair.tested.suite,
        backbone=model.backbone,
        weights_sha256=model.weights_sha256,
        dataset=pair.fitted.name,
        test_dataset=pair.tested.name,
        what=asked.what,
        modalities=asked.seen.modalities,
        gallery=asked.gallery,
        channel_of=asked.seen.channel_of,
        missing_channel=asked.seen.missing_channel,
        fitted_on=asked.fitted_on,
        metric=asked.metric,
        k=asked.k,
        higher_is_better=asked.higher_is_better,
        value=found.value,
        ci_low=found.ci_low,
        ci_high=found.ci_high,
        loss=found.loss,
        loss_low=found.loss_low,
        loss_high=found.loss_high,
        chance=found.chance,
        n=found.n,
        n_gallery=found.n_gallery,
        seed=seed,
        configuration=configuration,
        finished_at=finished_at,
    )
