"""The features of a run with zero mean and unit variance over train: what every probe of images starts from."""

from dataclasses import dataclass

import numpy as np

from harness.errors import UserError
from harness.records.labels import Split
from harness.records.materials import AreaMaterial, Material
from harness.solvers.standardise import measure_units


@dataclass(frozen=True, kw_only=True)
class StandardisedFeatures:
    """(n, D) float64 each; constant features are 0 in all three."""

    train: np.ndarray
    valid: np.ndarray
    test: np.ndarray
    n_constant: int


def standardise_features(material: Material | AreaMaterial) -> StandardisedFeatures:
    """Features in the units of train.

    Raises:
        UserError: no train samples, or a feature that is not finite.
    """
    train, valid, test = (finite_features(material, split) for split in ("train", "valid", "test"))
    units = measure_units(train)
    return StandardisedFeatures(
        train=units.standardise(train),
        valid=units.standardise(valid),
        test=units.standardise(test),
        n_constant=units.n_constant,
    )


def finite_features(material: Material | AreaMaterial, split: Split) -> np.ndarray:
    """(n, D) float64 features of a split as they are. UserError: one of them is not finite, or train is empty."""
    features = material.features(split)
    if split == "train" and not len(features):
        raise UserError("the train split is empty: nothing to learn from. Use a larger partition.")
    finite = np.isfinite(features)
    if not finite.all():
        row, column = np.argwhere(~finite)[0]
        raise UserError(
            f"the features of the {split} split must be finite, but feature {column} of sample {row} is "
            f"{features[row, column]} ({int((~finite.all(axis=1)).sum())} of {len(features)} samples affected). "
            "Look for broken weights or for pixels without data."
        )
    return features.astype(np.float64)
