"""Gradient-boosted trees on frozen features: what many shallow trees, one after the other, make of a few labels.

The settings are fixed and choose nothing. They were fixed on random numbers with the spectrum of an encoder's features,
512 of them, by time and error of 100 to 4,000 labels, and never on a backbone: eight leaves and a tenth of the features
a split were as right as scikit-learn's defaults with 4,000 labels and better with 100, in a fifth of the time or less.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from harness.protocols.image.numeric_labels import standardised_numbers
from harness.protocols.standardised import standardise_features
from harness.records.labels import LabelKind
from harness.records.materials import Material
from harness.records.outcome import Outcome
from harness.tasks import TASKS

Predict = Callable[[np.ndarray], np.ndarray]
"""(q, D) features -> (q, K) scores."""


@dataclass(frozen=True, kw_only=True)
class BoostingSettings:
    """As scikit-learn's histogram gradient boosting names them. All trees are grown: nothing is held out to stop by."""

    version: int = 1
    max_iter: int = 100
    learning_rate: float = 0.1
    max_leaf_nodes: int = 8
    min_samples_leaf: int = 5
    max_features: float = 0.1
    max_bins: int = 32


def few_shot_boosting(material: Material, settings: BoostingSettings, seed: int) -> Outcome:
    """One series of trees a class, a label or a number. A class that train lacks gets 0, a label that is everywhere or
    nowhere in train 1 or 0, a number that never varies its value.

    Args:
        seed: of the features that a split may choose among.
    Raises:
        UserError: no train samples, features that are not finite, or numbers none of which varies.
    """
    features, labels = standardise_features(material), material.labels("train")
    options = {name: getattr(settings, name) for name in _OPTIONS} | {"early_stopping": False, "random_state": seed}
    with threadpool_limits(1, user_api="openmp"):  # how threads cut a sum decides its last bits
        if material.label_kind is LabelKind.REGRESSION:
            TASKS[material.label_kind].check_learnable(labels, "gradient boosting")
            predict = _numbers(features.train, labels, options)
        elif material.label_kind is LabelKind.SINGLE_LABEL:
            predict = _one_class(features.train, labels, material.n_classes, options)
        else:
            predict = _labels(features.train, labels, options)
        valid, test = predict(features.valid), predict(features.test)
    return Outcome(
        valid_scores=valid,
        test_scores=test,
        ran_with={"constant_features": features.n_constant, "n_trees": settings.max_iter},
        n_labels_fit=len(features.train),
        n_labels_select=0,
    )


_OPTIONS = ("max_iter", "learning_rate", "max_leaf_nodes", "min_samples_leaf", "max_features", "max_bins")
_Options = dict[str, object]


def _numbers(train: np.ndarray, labels: np.ndarray, options: _Options) -> Predict:
    from sklearn.ensemble import HistGradientBoostingRegressor  # noqa: PLC0415 - whoever plans, reads or probes must not wait for it

    targets, units = standardised_numbers(labels)
    models = [HistGradientBoostingRegressor(**options).fit(train, column) for column in targets.T]
    return lambda queries: units.restore(np.column_stack([model.predict(queries) for model in models]))


def _one_class(train: np.ndarray, labels: np.ndarray, n_classes: int, options: _Options) -> Predict:
    from sklearn.ensemble import HistGradientBoostingClassifier  # noqa: PLC0415 - whoever plans, reads or probes must not wait for it

    classes = np.unique(labels)
    model = HistGradientBoostingClassifier(**options).fit(train, labels) if len(classes) > 1 else None

    def predict(queries: np.ndarray) -> np.ndarray:
        scores = np.zeros((len(queries), n_classes))
        scores[:, classes] = model.predict_proba(queries) if model else 1.0
        return scores

    return predict


def _labels(train: np.ndarray, labels: np.ndarray, options: _Options) -> Predict:
    columns = [_one_class(train, column.astype(np.int64), 2, options) for column in labels.T]
    return lambda queries: np.column_stack([predict(queries)[:, 1] for predict in columns])
