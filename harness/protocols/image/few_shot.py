"""Few-shot protocols: what a handful of labels gives, by five learners that have little in common.

They run on draws of few labels (`k=5` per class, `n=100` in all) instead of partitions; the seed is the draw. Features
are standardised by train, as for every probe. `few_shot` is the converged logistic regression of `linear_probe`,
`few_shot_ridge` and `few_shot_boosting` have files of their own, and the two here have nothing to choose: the nearest
class mean is the simplest rule there is, and a random forest is the one that needs no linear structure.
"""

from dataclasses import dataclass

import numpy as np

from harness.protocols.image.linear_probe import LinearProbeSettings, linear_probe
from harness.protocols.image.numeric_labels import numeric_labels, standardised_numbers
from harness.protocols.standardised import StandardisedFeatures, standardise_features
from harness.records.labels import LabelKind
from harness.records.materials import Material
from harness.records.outcome import Outcome
from harness.tasks import TASKS


@dataclass(frozen=True, kw_only=True)
class NearestMeanSettings:
    version: int = 1


@dataclass(frozen=True, kw_only=True)
class ForestSettings:
    """scikit-learn's defaults for classes: grown to the end, sqrt(D) features a split, bootstrapped samples."""

    version: int = 2
    n_trees: int = 100


def few_shot(material: Material, settings: LinearProbeSettings, seed: int) -> Outcome:
    """The converged linear probe on few labels; see `linear_probe`. Mind `--select`: valid may hold more labels."""
    return linear_probe(material, settings, seed)


def few_shot_nearest_mean(material: Material, settings: NearestMeanSettings, seed: int) -> Outcome:
    """The class whose mean feature vector is nearest; for multi-label, whether the mean with a label is nearer.

    Scores are what unit-variance Gaussians about the means would give if a sample counted as one observation, not as D
    independent ones: softmax of minus half the mean squared difference of a feature. They rank; they are not
    calibrated. A class that train lacks gets 0, a label that is everywhere or nowhere in train 1 or 0.

    Raises:
        UserError: no train samples, or features that are not finite.
    """
    from scipy.special import expit, softmax  # noqa: PLC0415 - a plan must not wait for it

    features, member = standardise_features(material), numeric_labels(material)
    single = material.label_kind is LabelKind.SINGLE_LABEL

    def score(queries: np.ndarray) -> np.ndarray:
        inside = _closeness(queries, features.train, member)
        if single:
            return softmax(inside, axis=1)
        outside = _closeness(queries, features.train, 1.0 - member)
        with np.errstate(invalid="ignore"):  # a label is somewhere or nowhere: never are both minus infinity
            return expit(inside - outside)

    return _outcome(features, score(features.valid), score(features.test), n_classes_in_train=int(member.any(0).sum()))


def _closeness(queries: np.ndarray, train: np.ndarray, member: np.ndarray) -> np.ndarray:
    """(q, D), (n, D), (n, K) zeros and ones -> (q, K) minus half the mean squared difference to each group's mean."""
    counts = member.sum(axis=0)
    means = (member.T @ train) / np.maximum(counts, 1.0)[:, None]  # (K, D)
    squared = np.square(queries).sum(axis=1)[:, None] - 2.0 * queries @ means.T + np.square(means).sum(axis=1)
    return np.where(counts > 0, -squared / (2.0 * train.shape[1]), -np.inf)


def few_shot_forest(material: Material, settings: ForestSettings, seed: int) -> Outcome:
    """Random forest; scores are the mean class frequencies of its leaves, or the mean of their numbers. A class that
    train lacks gets 0.

    Its trees regress on the indicator matrix: the summed variance of zeros and ones is Gini's impurity, so the splits
    are those of a classifier but for how rounding breaks ties, and are found up to three times as fast. Of numbers each
    has unit variance in that sum, so that their units change nothing.

    Args:
        seed: of the forest, and of the draw it is fitted on.
    Raises:
        UserError: no train samples, features that are not finite, or numbers none of which varies.
    """
    features, targets = standardise_features(material), numeric_labels(material)
    units = None
    if material.label_kind is LabelKind.REGRESSION:
        TASKS[material.label_kind].check_learnable(targets, "a random forest")
        targets, units = standardised_numbers(targets)
    if material.n_classes == 1:
        targets = targets[:, 0]  # scikit-learn warns of a matrix of one column
    # One thread: several would add up the trees' votes in any order, and round in any way.
    from sklearn import config_context  # noqa: PLC0415 - whoever plans, reads or probes must not wait for it
    from sklearn.ensemble import RandomForestRegressor  # noqa: PLC0415

    forest = RandomForestRegressor(n_estimators=settings.n_trees, max_features="sqrt", random_state=seed, n_jobs=1)
    # Every tree would check the forest's parameters and whether features are finite again.
    with config_context(skip_parameter_validation=True, assume_finite=True):
        forest.fit(features.train, targets)
        scores = forest.predict(np.concatenate([features.valid, features.test]))
    scores = scores.reshape(-1, material.n_classes)
    valid, test = np.split(scores if units is None else units.restore(scores), [len(features.valid)])
    return _outcome(features, valid, test, n_trees=settings.n_trees)


def _outcome(features: StandardisedFeatures, valid: np.ndarray, test: np.ndarray, **ran_with: int) -> Outcome:
    return Outcome(
        valid_scores=valid,
        test_scores=test,
        ran_with={"constant_features": features.n_constant, **ran_with},
        n_labels_fit=len(features.train),
        n_labels_select=0,
    )
