"""k nearest neighbours on frozen features: what the geometry of the features says without any fitting.

Features are standardised by train, then compared by cosine; the k nearest vote with equal weight. Each choice has a
reason. Standardising, because a few channels of an encoder, or one band of a statistics baseline, may be a thousand
times larger than the rest and would decide every neighbour alone. Cosine (for unit vectors the same order as
Euclidean), because an embedding's length mostly tells contrast and brightness; it is what self-supervised work
compares by since Wu et al., "Unsupervised Feature Learning via Non-Parametric Instance Discrimination", 2018. Equal
votes of k = 5 by default, because there is then no temperature to choose: no label beyond train's is used.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from harness.protocols.image.numeric_labels import numeric_labels
from harness.protocols.select_cv import choose_by_cv
from harness.protocols.standardised import standardise_features
from harness.records.materials import Material
from harness.records.outcome import Outcome
from harness.records.run import Selection
from harness.solvers.neighbours import nearest


@dataclass(frozen=True, kw_only=True)
class KnnSettings:
    version: int = 1
    k: int = 5
    candidates: tuple[int, ...] = (50, 20, 10, 5, 3, 1)
    """Tried by cross-validation, which needs no other labels; of equals the first wins."""


def knn(material: Material, settings: KnnSettings, seed: int) -> Outcome:
    """Scores are the fraction of neighbours of a class (or with a label), or the mean of the neighbours' numbers.

    With fewer than k train samples all vote.

    k is fixed, or chosen by cross-validation inside train if `material.selection` says so and the labels can tell.

    `seed` changes nothing: of equally similar neighbours those first in the partition vote.

    Raises:
        UserError: no train samples, or features that are not finite.
    """
    features = standardise_features(material)
    votes = numeric_labels(material)
    train = _unit(features.train)

    def predict(rows: np.ndarray, held: np.ndarray) -> Iterator[np.ndarray]:
        for k in settings.candidates:
            yield votes[rows][nearest(train[held], train[rows], min(k, len(rows)))].mean(axis=1)

    choice = choose_by_cv(material, predict) if material.selection is Selection.CV else None
    k = min(settings.candidates[choice.candidate] if choice else settings.k, len(votes))
    return Outcome(
        valid_scores=votes[nearest(_unit(features.valid), train, k)].mean(axis=1),
        test_scores=votes[nearest(_unit(features.test), train, k)].mean(axis=1),
        ran_with={"k": k, "cv_score": choice.score if choice else None, "constant_features": features.n_constant},
        n_labels_fit=len(votes),
        n_labels_select=0,
    )


def _unit(features: np.ndarray) -> np.ndarray:
    """Rows of length 1; a zero row (a sample at train's mean) stays zero, similar to none."""
    length = np.linalg.norm(features, axis=1, keepdims=True)
    return features / np.where(length > 0, length, 1.0)
