"""Builds the demo suite: one directory in GEO-Bench's layout for each task."""

import os
from collections.abc import Collection, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, get_args

import numpy as np

from harness.demo.band_counts import BandCounts
from harness.demo.candidates import draw_samples
from harness.demo.geobench_format import BANDS, SampleWriter, label_type
from harness.demo.new_directory import is_there, make_directory
from harness.demo.task_files import Written, write_task_files
from harness.demo.tasks import TASKS, VERSION, DemoTask
from harness.records.labels import LabelKind, Split
from harness.records.progress import Progress, Step
from leaderboards.simulated import DEMO_SUITE
from mp_mae.data.processes import clean_pool
from mp_mae.data.world.simulate import WORLD_VERSION


def demo_place(cache_dir: Path) -> Path:
    """The folder in a cache that holds the demo suite, or will."""
    return cache_dir / f"demo-suite-{VERSION}.{WORLD_VERSION}"


def demo_root(cache_dir: Path, progress: Progress) -> Path:
    """The folder in a cache that holds the demo suite, built if need be."""
    return ensure_demo_suite(demo_place(cache_dir), 0, progress)


def ensure_demo_suite(
    directory: Path,
    seed: int,
    progress: Progress,
    *,
    tasks: Collection[DemoTask] = tuple(TASKS.values()),
    processes: int | None = None,
) -> Path:
    """Build those tasks of the demo suite that are not there yet, as `directory`/demo/<task>.

    The same seed gives the same bytes on every run, for any number of processes.

    Args:
        processes: that simulate; None: one per core.
    Returns:
        `directory`, which serves as GEO-Bench's root.
    Raises:
        UserError: a task's directory holds something else or is incomplete, or the disk refuses.
    """
    processes = processes or os.cpu_count() or 1
    absent = [task for task in tasks if not is_there(directory / DEMO_SUITE / task.name, describe(task, seed))]
    with simulators(processes if absent else 1, draw_samples.__module__) as executor:
        for task in absent:
            make_directory(
                directory / DEMO_SUITE / task.name,
                describe(task, seed),
                partial(_write_task, task, seed, executor, 2 * processes, progress),
                partial(progress.notice, f"{task.name}: is being simulated by another process; waiting for it"),
            )
    return directory


def _write_task(
    task: DemoTask, seed: int, executor: Executor | None, ahead: int, progress: Progress, directory: Path
) -> None:
    with progress.step(f"{task.name}: simulate and write", sum(task.sizes.values())) as step:
        written = _write_samples(directory, task, seed, executor, ahead, step)
        write_task_files(directory, task, written, seed)


def describe(task: DemoTask, seed: int) -> dict[str, Any]:
    """All that the content of a task's directory follows from."""
    sizes = dict(task.sizes)
    return {"task": task.name, "version": VERSION, "world_version": WORLD_VERSION, "seed": seed, "sizes": sizes}


@contextmanager
def simulators(processes: int, module: str) -> Iterator[Executor | None]:
    """Processes that have imported a module; None of them where this process is to do the work."""
    if processes == 1:
        yield None
        return
    with clean_pool(processes, module) as executor:
        yield executor


def _write_samples(
    directory: Path, task: DemoTask, seed: int, executor: Executor | None, ahead: int, step: Step
) -> Written:
    """Simulate and write the samples of all splits."""
    is_mask = task.kind is LabelKind.SEGMENTATION
    writer = SampleWriter(label_type(task.kind, task.class_names) if is_mask else None)
    train_pixels = BandCounts(len(BANDS))
    names: dict[Split, list[str]] = {}
    labels: dict[Split, np.ndarray] = {}
    for split in get_args(Split):
        blocks = []
        for samples in draw_samples(task, seed, split, executor, ahead):
            for name, pixels, label in zip(samples.names, samples.pixels, samples.labels, strict=True):
                (directory / f"{name}.hdf5").write_bytes(writer.sample(pixels, label))
            if split == "train":
                train_pixels.add(samples.pixels)
            blocks.append((samples.names, samples.labels))
            step.advance(len(samples.names))
        names[split] = [name for block_names, _ in blocks for name in block_names]
        labels[split] = np.concatenate([block_labels for _, block_labels in blocks])
    return Written(names=names, labels=labels, train_pixels=train_pixels)
