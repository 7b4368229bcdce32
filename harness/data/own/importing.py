"""Keeps images of somebody's own as arrays: `data import`. The source `harness.data.sources.own` reads them."""

import shutil
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap

from harness.data.dataset import Dataset
from harness.data.own.description import FILE, LABELS, PIXELS, Understood, read_understood
from harness.data.own.understand import FOLDER
from harness.data.reading import read_samples
from harness.data.sources import open_dataset
from harness.data.suites import discover
from harness.errors import UserError
from harness.records.progress import Progress
from harness.store.leftovers import partial_folder, remove


def find_import(root: Path) -> Understood | None:
    """What was understood of the images that a folder is an import of; None: it is none. UserError: it is damaged."""
    found = [*root.glob(f"{FOLDER}/*/{FILE}")] if root.is_dir() else []
    return read_understood(found[0].parent) if found else None


def write_import(root: Path, target: Path, progress: Progress, workers: int) -> bool:
    """Make an import of images that were understood.

    Args:
        root: what `write_understood` returned: the name of its folder tells which files and settings they are of.
        target: a folder that is not there, or empty; it serves as a root of data afterwards.
        workers: processes that read images.
    Returns:
        Whether it was made; False: it was there, of the same files by the same settings.
    Raises:
        UserError: something else is there, an image is damaged, or the folder cannot be written.
    """
    digest, there = root.parent.name, find_import(target)
    if there is not None and there.imported == digest:
        return False
    if there is not None:
        raise UserError(f"--out {target}: is an import of other files, or by other settings. Choose another folder")
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise UserError(f"--out {target}: is there already, and no import. Choose another folder")
    (ref,), partial = discover(root), partial_folder(target)
    understood = read_understood(ref.directory)
    try:
        remove(partial)  # of a process that was killed
        folder = partial / FOLDER / ref.name
        folder.mkdir(parents=True)
        _write_arrays(open_dataset(ref), understood, folder, progress, workers)
        (folder / FILE).write_text(understood.model_copy(update={"imported": digest}).model_dump_json())
        partial.rename(target)
    except OSError as error:
        raise UserError(f"--out {target}: cannot be written ({error.strerror or error}). Choose another") from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return True


def _write_arrays(dataset: Dataset, understood: Understood, folder: Path, progress: Progress, workers: int) -> None:
    """Both arrays, in the order of the files. Where some images hold integers and others NaN, all are written as
    floating point."""
    shape = (len(understood.samples), len(understood.bands), *understood.size_px)
    dtype = np.dtype(understood.dtype)
    while (wider := _write_as(dtype, shape, understood.samples, dataset, folder, progress, workers)) != dtype:
        dtype = wider


def _write_as(
    dtype: np.dtype,
    shape: tuple[int, ...],
    names: Sequence[str],
    dataset: Dataset,
    folder: Path,
    progress: Progress,
    workers: int,
) -> np.dtype:
    """Write them as a type, as far as it can hold the pixels.

    Returns:
        A type that can hold them: this one where all are written.
    """
    pixels, labels = open_memmap(folder / PIXELS, mode="w+", dtype=dtype, shape=shape), None
    with (
        closing(read_samples(dataset, names, workers)) as samples,
        progress.step(f"importing {dataset.name}", len(names)) as step,
    ):
        for row, sample in enumerate(samples):
            wider = np.result_type(dtype, sample.pixels.dtype)
            if wider != dtype:
                return wider
            if labels is None:
                of_labels = (len(names), *sample.label.shape)
                labels = open_memmap(folder / LABELS, mode="w+", dtype=sample.label.dtype, shape=of_labels)
            pixels[row], labels[row] = sample.pixels, sample.label
            step.advance()
    for array in (pixels, labels):
        if array is not None:
            array.flush()
    return dtype
