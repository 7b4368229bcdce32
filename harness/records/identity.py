"""The identity of a run. The plan, the skip-check, the store and the report all call this one function.

Version 2. Of version 1, whose rows have no `identity_version`, remained names under which the same network or the same
images were filed: alias of the backbone, names of classes, statistics of unused bands, samples in no split.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.records.labels import LabelKind
from harness.records.run import Run

IDENTITY_VERSION = 2
"""Raised when the same run would be told apart by other things; older rows stay readable and say which they have."""

FEATURE_FIELDS = (
    "backbone_settings",
    "weights_sha256",
    "bands",
    "band_sources",
    "normalisation_statistics",
    "input_size",
    "extraction_version",
    "facts",
    "fitted_on",
)
"""The fields of a run that decide its features; partitions, seeds and protocols share them."""


LATER_FIELDS = ("facts", "band_sets", "test_feed", "fitted_on", "ignore_nodata")
"""Fields that runs of before did not have: a run in which one is empty is the same as without it."""


def configuration(run: Run) -> dict[str, Any]:
    """The run as a plain JSON object, which shares its lists and objects with the run."""
    return {"identity_version": IDENTITY_VERSION, **_without_empty(vars(run))}


def _without_empty(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields, but for the empty ones of LATER_FIELDS."""
    return {name: value for name, value in fields.items() if value or name not in LATER_FIELDS}


def identity(run: Run) -> str:
    """SHA-256 (64 hex digits) over the canonical JSON of everything that can change the result."""
    return _digest(configuration(run))


def feature_key(run: Run, arrays_sha256: str) -> str:
    """SHA-256 (64 hex digits) over what decides the features of a whole dataset, row by row.

    Args:
        arrays_sha256: of all rows that are embedded and of their order (`ArrayCache.content_sha256`).
    """
    deciding = {name: getattr(run, name) for name in FEATURE_FIELDS}
    return _digest({"arrays": arrays_sha256, **_without_empty(deciding)})


def fingerprint_samples(
    samples: Iterable[str],
    sample_sha256: Mapping[str, str],
    channels: Sequence[str],
    label_kind: LabelKind,
    n_classes: int,
) -> str:
    """SHA-256 (64 hex digits) over the samples that a run may read and what their labels mean, whatever their order.

    Args:
        samples: names; one that is listed twice counts once.
        sample_sha256: of pixels and label, of these samples at least.
        channels: names under which the channels of the pixels are stored, in their order.
    """
    content = {name: sample_sha256[name] for name in samples}
    return _digest(
        {"samples": content, "channels": list(channels), "label_kind": label_kind.value, "n_classes": n_classes}
    )


def hash_names(names: Iterable[str]) -> str:
    """SHA-256 (64 hex digits) over the sample names of a split, whatever their order."""
    return _digest(sorted(names))


def _digest(fields: object) -> str:
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
