"""Features of images: extracted once per checkpoint, dataset and preprocessing, reused by all partitions and seeds."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import chain
from typing import Any, TypedDict

import numpy as np

from baselines.meter import InputMeter, NetworkInput
from harness.records.progress import Progress
from harness.store.damage import DamagedError
from harness.store.entry import Entry, EntryWriter, open_entry
from harness.store.kinds import Place

VECTORS = "vectors.npy"


@dataclass(frozen=True, eq=False, kw_only=True)
class ImageFeatures:
    """The features of a whole dataset, in the order of its arrays, and what they were made from and by."""

    vectors: np.ndarray
    """(N, D) float32; a read-only memory map, all of it checked."""
    network_input: NetworkInput
    extraction: Mapping[str, Any]
    """What extracted them (`describe_extraction`)."""
    entry: Entry
    """Held, so that nobody prunes what is in use."""


def cached_features(
    place: Place,
    n_rows: int,
    extract: Callable[[InputMeter], Iterator[np.ndarray]],
    extraction: Mapping[str, Any],
    progress: Progress,
) -> ImageFeatures:
    """Features from the cache, or extracted and stored together with what entered the network.

    Args:
        extract: gives (B, D) float32 of one batch after the other, none of which is kept; the meter it gets must have
            seen every image by the end.
        extraction: what extracts them if that has to be done.
    Raises:
        UserError: the cache directory cannot be written.
    """

    def make(writer: EntryWriter) -> Mapping[str, Any]:
        meter = InputMeter()
        batches = extract(meter)
        first = next(batches)
        with writer.array(VECTORS, (n_rows, first.shape[1]), first.dtype) as vectors:
            for batch in chain([first], batches):
                vectors.append(batch)
        return {"network_input": asdict(meter.result()), "extraction": extraction}

    return open_entry(place, lambda entry: _read(entry, n_rows), make, progress)


def _read(entry: Entry, n_rows: int) -> ImageFeatures:
    """DamagedError for anything else than features of so many images."""
    vectors = entry.array(VECTORS)[:]
    if vectors.ndim != 2 or vectors.dtype != np.float32 or len(vectors) != n_rows:
        raise DamagedError(
            f"{VECTORS} is {vectors.dtype} {vectors.shape}; of {n_rows} images float32 vectors are wanted"
        )
    return ImageFeatures(vectors=vectors, entry=entry, **read_making(entry, n_rows))


class Making(TypedDict):
    """How features were made."""

    network_input: NetworkInput
    extraction: Mapping[str, Any]


def read_making(entry: Entry, n_rows: int) -> Making:
    """What entered the network and what extracted the features. DamagedError if the entry does not know."""
    try:
        making = Making(
            network_input=NetworkInput.from_json(entry.facts["network_input"]),
            extraction=dict(entry.facts["extraction"]),
        )
    except (ValueError, TypeError, KeyError) as error:
        raise DamagedError(f"how they were made is not known ({error})") from None
    if making["network_input"].images != n_rows:
        raise DamagedError(f"{making['network_input'].images} images were measured, {n_rows} are there")
    return making
