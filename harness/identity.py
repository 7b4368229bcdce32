"""The identity of a run. The plan, the skip-check, the store and the report all call this one function."""

import dataclasses
import hashlib
import json
from typing import Any

from harness.records import Run

FEATURE_FIELDS = (
    "backbone",
    "backbone_settings",
    "weights_sha256",
    "dataset_fingerprint",
    "bands",
    "band_sources",
    "normalisation",
    "input_size",
)
"""The fields of a run that decide its features; partitions, seeds and protocols share them."""


def configuration(run: Run) -> dict[str, Any]:
    """The run as a plain JSON object."""
    return dataclasses.asdict(run)


def identity(run: Run) -> str:
    """SHA-256 (64 hex digits) over the canonical JSON of everything that can change the result."""
    return _digest(configuration(run))


def feature_key(run: Run, arrays_sha256: str) -> str:
    """SHA-256 (64 hex digits) over what decides the features of a whole dataset, row by row.

    Args:
        arrays_sha256: of all rows that are embedded and of their order (`ArrayCache.content_sha256`).
    """
    return _digest({"arrays": arrays_sha256, **{name: getattr(run, name) for name in FEATURE_FIELDS}})


def _digest(fields: dict[str, Any]) -> str:
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
