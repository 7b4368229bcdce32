"""Material for protocols made from arrays, and simulated features with the correlations of real ones."""

from dataclasses import dataclass, field

import numpy as np

from harness.records.labels import LabelKind, Split
from harness.records.run import Selection
from harness.tasks import TASKS


@dataclass
class ToyMaterial:
    """`records.Material` over arrays in memory; `scored` keeps what was asked of valid."""

    label_kind: LabelKind
    n_classes: int
    arrays: dict[str, np.ndarray]
    targets: dict[str, np.ndarray]
    metric: str
    scored: list[np.ndarray] = field(default_factory=list)
    selection: Selection = Selection.VALID

    def features(self, split: Split) -> np.ndarray:
        return self.arrays[split]

    def labels(self, split: str) -> np.ndarray:
        assert split in ("train", "valid")
        return self.targets[split]

    def valid_score(self, scores: np.ndarray) -> float:
        self.scored.append(scores)
        return self.score(self.targets["valid"], scores)

    def score(self, labels: np.ndarray, scores: np.ndarray) -> float:
        return TASKS[self.label_kind].score(self.metric, labels, scores, self.n_classes)


def correlated_features(rng: np.random.Generator, n: int, width: int) -> np.ndarray:
    """(n, width) float32 whose variances fall off as a power law in hidden directions, as those of encoders do."""
    hidden = rng.standard_normal((n, width)) / np.sqrt(np.arange(1, width + 1))
    axes = np.linalg.qr(np.random.default_rng(0).standard_normal((width, width)))[0]
    return (hidden @ axes).astype(np.float32)


def split_three(array: np.ndarray, n_train: int, n_valid: int) -> dict[str, np.ndarray]:
    train, valid, test = np.split(array, [n_train, n_train + n_valid])
    return {"train": train, "valid": valid, "test": test}


def single_label(
    n_train: int = 120, n_classes: int = 3, width: int = 10, signal: float = 1.0, seed: int = 0
) -> ToyMaterial:
    """Classes are Gaussian clouds `signal` apart; 200 valid and 200 test samples."""
    rng = np.random.default_rng(seed)
    n = n_train + 400
    labels = rng.permutation(np.arange(n) % n_classes)
    centres = rng.standard_normal((n_classes, width)) * signal
    features = correlated_features(rng, n, width) + centres[labels].astype(np.float32)
    return ToyMaterial(
        LabelKind.SINGLE_LABEL,
        n_classes,
        split_three(features, n_train, 200),
        split_three(labels, n_train, 200),
        "accuracy",
    )


def multi_label(n_train: int = 120, n_labels: int = 5, width: int = 10, seed: int = 0) -> ToyMaterial:
    """Every label is a noisy direction of the features, each rarer than the one before."""
    rng = np.random.default_rng(seed)
    features = correlated_features(rng, n_train + 400, width)
    margin = features @ rng.standard_normal((width, n_labels)) - np.arange(n_labels) / 2
    labels = (margin + 0.3 * rng.standard_normal(margin.shape) > 0).astype(np.uint8)
    return ToyMaterial(
        LabelKind.MULTI_LABEL,
        n_labels,
        split_three(features, n_train, 200),
        split_three(labels, n_train, 200),
        "f1_micro",
    )


def numbers(n_train: int = 120, n_outputs: int = 2, width: int = 10, noise: float = 0.3, seed: int = 0) -> ToyMaterial:
    """Labels are linear in the features but for noise, each output in a unit 100 times larger than the one before."""
    rng = np.random.default_rng(seed)
    features = correlated_features(rng, n_train + 400, width)
    labels = features @ rng.standard_normal((width, n_outputs))
    labels = (labels / labels.std(axis=0) + noise * rng.standard_normal(labels.shape)) * 100.0 ** np.arange(
        n_outputs
    ) + 7
    return ToyMaterial(
        LabelKind.REGRESSION, n_outputs, split_three(features, n_train, 200), split_three(labels, n_train, 200), "r2"
    )
