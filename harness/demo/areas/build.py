"""Builds the suite `areas`: a folder an area, with the pixels, and in it a folder a dataset, with the labels."""

import json
import os
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import Executor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, get_args

import numpy as np

from harness.demo.areas.candidates import Images, draw_images
from harness.demo.areas.labels import QUESTIONS, Question
from harness.demo.areas.sensors import SENSORS
from harness.demo.build import simulators
from harness.demo.new_directory import is_there, make_directory
from harness.demo.stratify import FRACTIONS, covering_order
from harness.demo.tasks import TILE_PX
from harness.records.labels import Split
from harness.records.progress import Progress, Step
from harness.store.arrays import ArrayWriter
from leaderboards.simulated import AREAS_SUITE
from mp_mae.data.world.areas import AREAS
from mp_mae.data.world.simulate import WORLD_VERSION

VERSION = 1
"""Raised when the same seed gives other files."""
FORMAT = 1
"""Of area.json and task.json, which their reader knows."""

SIZES: Mapping[Split, int] = {"train": 4000, "valid": 500, "test": 1000}


def ensure_areas(
    directory: Path,
    seed: int,
    progress: Progress,
    *,
    areas: Collection[str] = tuple(AREAS),
    sizes: Mapping[Split, int] = SIZES,
    processes: int | None = None,
) -> list[Path]:
    """Build those areas that are not there yet, as `directory`/areas/<area>. What was interrupted begins again with the
    area it was at.

    The same seed gives the same bytes on every run, for any number of processes.

    Args:
        areas: names in the world's `AREAS`.
        processes: that simulate; None: one per core.
    Returns:
        The folder of each dataset.
    Raises:
        UserError: an area's folder holds something else or is incomplete, or the disk refuses.
    """
    processes = processes or os.cpu_count() or 1
    folders = {area: directory / AREAS_SUITE / area for area in areas}
    absent = [area for area, folder in folders.items() if not is_there(folder, describe(area, sizes, seed))]
    with simulators(processes if absent else 1, draw_images.__module__) as executor:
        for area in absent:
            make_directory(
                folders[area],
                describe(area, sizes, seed),
                partial(_write_area, area, sizes, seed, executor, 2 * processes, progress),
                partial(progress.notice, f"{area}: is being simulated by another process; waiting for it"),
            )
    return [folder / dataset_name(area, question) for area, folder in folders.items() for question in QUESTIONS]


def describe(area: str, sizes: Mapping[Split, int], seed: int) -> dict[str, Any]:
    """All that the content of an area's folder follows from."""
    said = {"area": area, "version": VERSION, "world_version": WORLD_VERSION, "seed": seed}
    return {**said, "sizes": {split: sizes[split] for split in get_args(Split)}}


def dataset_name(area: str, question: Question) -> str:
    """What a dataset of an area is called."""
    return f"area-{area}-{question.name}"


def _write_area(
    area: str,
    sizes: Mapping[Split, int],
    seed: int,
    executor: Executor | None,
    ahead: int,
    progress: Progress,
    directory: Path,
) -> None:
    for question in QUESTIONS:
        (directory / dataset_name(area, question)).mkdir()
    names: dict[Split, list[str]] = {}
    train: dict[str, np.ndarray] = {}
    with progress.step(f"{area}: simulate and write", sum(sizes.values())) as step:
        for split in get_args(Split):
            images = draw_images(area, sizes[split], seed, split, executor, ahead)
            names[split], labels = _write_split(area, split, sizes[split], images, directory, step)
            if split == "train":
                train = labels
    described = {
        "format": FORMAT,
        "size_px": [TILE_PX, TILE_PX],
        "sensors": {name: list(sensor.bands) for name, sensor in SENSORS.items()},
        "samples": names,
    }
    _write_json(directory / "area.json", described)
    for question in QUESTIONS:
        described = _describe_question(question, names["train"], train[question.name], seed)
        _write_json(directory / dataset_name(area, question) / "task.json", described)


def _write_split(
    area: str, split: Split, size: int, images: Iterator[Images], directory: Path, step: Step
) -> tuple[list[str], dict[str, np.ndarray]]:
    """Write the arrays of a split. Returns the names of its samples, and their labels by question."""
    names: list[str] = []
    labels: dict[str, list[np.ndarray]] = {question.name: [] for question in QUESTIONS}
    with ExitStack() as stack:
        writers: dict[str, ArrayWriter] = {}
        for some in images:
            for what, rows in some.arrays.items():
                if what not in writers:
                    writer = ArrayWriter(directory / f"{split}-{what}.npy", (size, *rows.shape[1:]), rows.dtype)
                    writers[what] = stack.enter_context(writer)
                writers[what].append(rows)
            for question in QUESTIONS:
                labels[question.name].append(question.label(some.cover))
            names += some.names.tolist()
            step.advance(len(some.names))
    whole = {name: np.concatenate(parts) for name, parts in labels.items()}
    for question in QUESTIONS:
        np.save(directory / dataset_name(area, question) / f"{split}-labels.npy", whole[question.name])
    return names, whole


def _describe_question(question: Question, names: list[str], labels: np.ndarray, seed: int) -> dict[str, Any]:
    """task.json: what is asked, and the train samples in an order of which each partition is a beginning."""
    order = covering_order(question.content(labels), np.random.default_rng(seed))
    sizes = {name: max(1, round(fraction * len(names))) for name, fraction in FRACTIONS.items()}
    return {
        "label_kind": str(question.kind),
        "class_names": list(question.class_names),
        "metric": question.metric,
        "train_order": [names[row] for row in order],
        "train_sizes": {**sizes, "default": len(names)},
    }


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n")
