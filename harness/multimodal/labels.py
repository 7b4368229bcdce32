"""What a probe of the shared space makes of labels: with everything, with less, and in another area."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from harness.metrics import higher_is_better
from harness.multimodal.answers import Answer, Asked, answer, image_weights
from harness.multimodal.material import Described, Material
from harness.multimodal.probe import PROBED, Probe, fit_probe, metric_values
from harness.multimodal.questions import Seen, every_seen
from leaderboards.schema import FittedOn, Question


def label_questions(described: Described) -> list[Asked]:
    """Every subset of modalities, with every channel and without each; none of labels of pixels."""
    if described.kind not in PROBED:
        return []
    return [_asked(described, seen, how) for seen in every_seen(described.channels) for how in _fits(described, seen)]


def transfer_questions(described: Described) -> list[Asked]:
    """Everything, and each modality alone, of a probe that was fitted on another dataset."""
    if described.kind not in PROBED:
        return []
    return [_transferred(described, seen) for seen in transferable(described)]


def transferable(described: Described) -> list[Seen]:
    """What images are seen from in a transfer: everything, then each modality alone."""
    return [described.everything, *(Seen((modality,)) for modality in described.channels)]


def answer_labels(material: Material, seed: int) -> Iterator[list[Answer]]:
    """The answers to `label_questions`, those about one thing that is seen at a time.

    Raises:
        UserError: too few train images.
    """
    described, test = material.described, material.test
    everything = fit_probe(material.train.average(described.everything), material.numbers)
    scorer = _Scorer(material, seed)
    chance = scorer.chance(everything)
    whole = scorer.values(everything, described.everything)
    for seen in every_seen(described.channels):
        answers = []
        for how in _fits(described, seen):
            probe = everything if how == "everything" else fit_probe(material.train.average(seen), material.numbers)
            values = scorer.values(probe, seen)
            answers.append(
                answer(
                    _asked(described, seen, how),
                    values,
                    None if seen == described.everything else whole,
                    chance=chance,
                    n=len(test.table),
                )
            )
        yield answers


def fit_for_transfer(material: Material) -> dict[Seen, Probe]:
    """A probe of a dataset for everything, and one for each modality alone.

    Raises:
        UserError: too few train images.
    """
    return {
        seen: fit_probe(material.train.average(seen), material.numbers) for seen in transferable(material.described)
    }


def answer_transfer(
    there: Mapping[Seen, Probe], here: Mapping[Seen, Probe], material: Material, seed: int
) -> Sequence[Answer]:
    """The answers to `transfer_questions` on a dataset.

    Args:
        there: the probes of another dataset, tested as they are.
        here: the dataset's own, which they are held against.
    """
    described, scorer = material.described, _Scorer(material, seed)
    return [
        answer(
            _transferred(described, seen),
            scorer.values(there[seen], seen),
            scorer.values(here[seen], seen),
            chance=scorer.chance(there[seen]),
            n=len(material.test.table),
        )
        for seen in transferable(described)
    ]


class _Scorer:
    """Probes judged by the headline metric on the test images of one dataset and on resamples of them."""

    def __init__(self, material: Material, seed: int) -> None:
        self._material = material
        self._weights = image_weights(material.places, len(material.test.table), seed)

    def values(self, probe: Probe, seen: Seen) -> np.ndarray:
        """(1 + B,) of a probe on test images that are seen like this."""
        return self._score(probe.predict(self._material.test.average(seen)), self._weights)

    def chance(self, probe: Probe) -> float | None:
        """The score of predicting the mean label of a probe's train images everywhere."""
        n = len(self._material.test.table)
        value = self._score(np.tile(probe.mean, (n, 1)), self._weights[:1])[0]
        return None if np.isnan(value) else float(value)

    def _score(self, predicted: np.ndarray, weights: np.ndarray) -> np.ndarray:
        described = self._material.described
        return metric_values(described.kind, described.metric, self._material.targets, predicted, weights)


def _fits(described: Described, seen: Seen) -> Sequence[FittedOn]:
    """What probes are fitted on for images seen like this."""
    return ("everything",) if seen == described.everything else ("everything", "the same")


def _asked(described: Described, seen: Seen, fitted_on: FittedOn) -> Asked:
    what: Question = "subset" if seen.missing_channel is None else "missing channel"
    return _about(described, what, seen, fitted_on)


def _transferred(described: Described, seen: Seen) -> Asked:
    fitted_on: FittedOn = "everything" if seen == described.everything else "the same"
    return _about(described, "transfer", seen, fitted_on)


def _about(described: Described, what: Question, seen: Seen, fitted_on: FittedOn) -> Asked:
    metric = described.metric
    return Asked(what=what, seen=seen, metric=metric, higher_is_better=higher_is_better(metric), fitted_on=fitted_on)
