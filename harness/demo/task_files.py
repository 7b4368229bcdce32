"""The files that lie beside a task's samples: partitions, statistics, labels, specifications."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harness.demo.band_counts import BandCounts, value_statistics
from harness.demo.geobench_format import BANDS, label_type, task_specifications
from harness.demo.stratify import FRACTIONS, covering_order
from harness.demo.tasks import TILE_PX, DemoTask
from harness.records.labels import LabelKind, Split
from leaderboards.simulated import DEMO_SUITE


@dataclass(frozen=True, kw_only=True, eq=False)
class Written:
    """What is known of the samples once they are on disk."""

    names: Mapping[Split, list[str]]
    """In the order of the candidates."""
    labels: Mapping[Split, np.ndarray]
    """(n, ...) in the same order."""
    train_pixels: BandCounts


def write_task_files(directory: Path, task: DemoTask, written: Written, seed: int) -> None:
    """All files of a task but its samples."""
    label = label_type(task.kind, task.class_names)
    (directory / "task_specs.pkl").write_bytes(task_specifications(task.name, DEMO_SUITE, TILE_PX, label))
    _write_json(directory / "band_stats.json", _statistics(written))
    if task.kind is LabelKind.SINGLE_LABEL:
        _write_json(directory / "label_map.json", _label_map(written))
    else:
        _write_json(directory / "label_stats.json", _label_stats(task, written))
    train = np.array(written.names["train"])
    order = covering_order(_content(task, written.labels["train"]), np.random.default_rng(seed))
    sizes = {name: max(1, round(fraction * len(train))) for name, fraction in FRACTIONS.items()}
    for name, size in {**sizes, "default": len(train)}.items():
        splits = {**written.names, "train": train[order[:size]].tolist()}
        content = {split: sorted(names) for split, names in splits.items()}  # their order says nothing of the labels
        _write_json(directory / f"{name}_partition.json", content)


def _statistics(written: Written) -> dict[str, dict[str, float]]:
    """Statistics of each band over the train split, as GEO-Bench has them."""
    bands = zip(BANDS, written.train_pixels.statistics(), strict=True)
    statistics = {band.name: values for band, values in bands}
    return {**statistics, "label": value_statistics(np.bincount(written.labels["train"].reshape(-1)))}


def _label_map(written: Written) -> dict[str, list[str]]:
    """Class -> its samples in all splits."""
    found: dict[str, list[str]] = {}
    for split, names in written.names.items():
        for name, label in zip(names, written.labels[split], strict=True):
            found.setdefault(str(int(label)), []).append(name)
    return {label: sorted(names) for label, names in found.items()}


def _label_stats(task: DemoTask, written: Written) -> dict[str, list[float]]:
    """Sample -> its 0/1 labels, or the share of its pixels in each class."""
    return {
        name: content.tolist()
        for split, names in written.names.items()
        for name, content in zip(names, _content(task, written.labels[split]), strict=True)
    }


def _content(task: DemoTask, labels: np.ndarray) -> np.ndarray:
    """(n, K) of each sample: one-hot, 0/1 labels, or shares of the pixels."""
    if task.kind is LabelKind.MULTI_LABEL:
        return labels
    classes = np.arange(len(task.class_names))
    return (labels.reshape(len(labels), -1, 1) == classes).mean(axis=1)


def _write_json(path: Path, content: Mapping[Any, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n")
