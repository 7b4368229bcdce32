"""Vectors of a shared space that are made by hand, and material with them."""

from typing import Any

import numpy as np

from harness.multimodal.material import Described, Material
from harness.multimodal.vectors import SharedVectors, columns
from harness.records.labels import LabelKind

CHANNELS = {"light": ("red", "green"), "radar": ("VV",)}


def unit(rows: Any) -> np.ndarray:
    """(n, E) float32 rows of length 1; those of zeros stay."""
    values = np.asarray(rows, np.float32)
    length = np.linalg.norm(values, axis=1, keepdims=True)
    return np.divide(values, length, out=np.zeros_like(values), where=length > 0)


def vectors(light: Any, radar: Any, **without: Any) -> SharedVectors:
    """Of two modalities; without red or green the light is as it is with both, unless `without` says otherwise."""
    parts = {("light", None): light, ("radar", None): radar}
    parts |= {("light", channel): without.get(channel, light) for channel in CHANNELS["light"]}
    return SharedVectors(channels=CHANNELS, table=np.stack([unit(parts[part]) for part in columns(CHANNELS)], axis=1))


def described(name: str = "toy", **changes: Any) -> Described:
    values: dict[str, Any] = {
        "name": name,
        "suite": "toys",
        "kind": LabelKind.REGRESSION,
        "class_names": ("amount",),
        "metric": "r2",
        "channels": CHANNELS,
        "configuration": {"dataset_fingerprint": name},
    }
    return Described(**(values | changes))


def material(train: SharedVectors, numbers: Any, test: SharedVectors, targets: Any, **changes: Any) -> Material:
    of_places = changes.pop("places", None)
    return Material(
        described=described(**changes),
        train=train,
        numbers=np.asarray(numbers, np.float64),
        test=test,
        targets=np.asarray(targets),
        places=of_places,
    )
