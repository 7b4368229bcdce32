"""What is fuzzed: readers of files and texts that come from strangers.

A target turns any input into a value or into one of its documented errors. Its first inputs are made by the project's
own writers, and are read as they are before they are changed.
"""

import json
import signal
import struct
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path

import h5py
import numpy as np

import harness.errors
import leaderboards.errors
import mp_mae.errors
from fuzz import words
from geobench2_files import Packed, tortilla
from geobench_files import BLUE, RED, dump, read_dataset, thing, write_dataset, write_mask_dataset, write_sample
from harness.data import reading
from harness.data.band_statistics import build_normalisation
from harness.data.sources.geobench.dataset import GeoBenchDataset
from harness.data.sources.geobench.task_specs import read_task_spec
from harness.data.sources.geobench.unpickle import safe_unpickle
from harness.data.sources.geobench2.tortilla import read_column, read_index, read_item

HERE_SECONDS = 0.3
"""Of computing that a sample may take where it is not read by a child."""
DEMO = Path(__file__).parents[2] / "baselines" / "demo_weights" / "mp_mae"


class Target(ABC):
    """One reader. Made once in each process that fuzzes, with a folder of its own."""

    documented: tuple[type[Exception], ...]
    one_line = True
    """Whether an error is one line. What is wrong with a query is shown in the query."""
    words: tuple[bytes, ...]
    """Pieces that mean something to the reader."""
    read_here: Callable[[str, bytes], None] | None = None
    """As `read`, for a reader that has children do it: without them, which is faster and may end the process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    @abstractmethod
    def seeds(self) -> Mapping[str, list[bytes]]:
        """Right inputs by part: what the reader is given comes in one or several kinds."""

    @abstractmethod
    def read(self, part: str, data: bytes) -> None:
        """Read an input as its part; raises what the reader raises."""


class PickleTarget(Target):
    """task_specs.pkl and the descriptions inside samples."""

    documented = (harness.errors.UserError,)
    words = words.PICKLE

    @cached_property
    def seeds(self) -> Mapping[str, list[bytes]]:
        directory = write_dataset(self.folder)
        with h5py.File(directory / "id_0.hdf5") as file:
            described = bytes(eval(file.attrs["pickle"], {}))
        many = {"label": np.arange(3), "when": words.DATES, "bands_order": [BLUE, RED], "score": np.float32(0.5)}
        masks = thing("SegmentationClasses", n_classes=2, class_name=["a", "b"])
        values = [dump(value, protocol) for value in (many, masks) for protocol in (3, 4, 5)]
        return {"specification": [(directory / "task_specs.pkl").read_bytes()], "description": [described, *values]}

    def read(self, part: str, data: bytes) -> None:
        if part == "description":
            safe_unpickle(data, "x")
            return
        (self.folder / "task_specs.pkl").write_bytes(data)
        read_task_spec(self.folder, "suite")


class JsonTarget(Target):
    """Partition and statistics files."""

    documented = (harness.errors.UserError,)
    words = words.JSON

    @cached_property
    def seeds(self) -> Mapping[str, list[bytes]]:
        directory = write_dataset(self.folder)
        self.dataset = read_dataset(self.folder)
        return {
            "partition": [(directory / "default_partition.json").read_bytes()],
            "statistics": [(directory / "band_stats.json").read_bytes()],
        }

    def read(self, part: str, data: bytes) -> None:
        if part == "partition":
            (self.dataset.directory / "default_partition.json").write_bytes(data)
            self.dataset.partition("default")
            return
        (self.dataset.directory / "band_stats.json").write_bytes(data)
        build_normalisation(self.dataset.read_statistics(), ["02 - Blue", "04 - Red"])


class SampleTarget(Target):
    """A sample's HDF5 file, and the pickle in it, through the children that read for a conversion."""

    documented = (harness.errors.UserError,)
    words = (*words.PICKLE, *words.HDF5)

    @cached_property
    def seeds(self) -> Mapping[str, list[bytes]]:
        reading.COMMAND = ("-c", words.IMPATIENT_READER)
        self.plain = read_dataset(write_dataset(self.folder / "plain", n_samples=2).parents[1])
        pixels, masks = np.arange(32).reshape(1, 2, 4, 4).astype("u2"), np.zeros((1, 4, 4), "u1")
        split = {"pixels": pixels, "masks": masks}
        splits = {"train": split, "valid": split, "test": split}
        self.masked = read_dataset(
            write_mask_dataset(self.folder / "masked", splits, [BLUE, RED], ["a", "b"]).parents[1], "fields"
        )
        write_sample(self.plain.directory, "packed", [(BLUE, pixels[0, 0], None), (RED, pixels[0, 1], words.DATES[0])])
        with h5py.File(self.plain.directory / "packed.hdf5", "a") as file:
            for key in list(file):
                values = file[key][:]
                del file[key]
                file.create_dataset(key, data=values, compression="gzip", shuffle=True, fletcher32=True, chunks=(2, 4))
        samples = [self.plain.directory / f"{name}.hdf5" for name in ("id_0", "packed")]
        return {
            "plain": [path.read_bytes() for path in samples],
            "masked": [(self.masked.directory / "train_0.hdf5").read_bytes()],
        }

    def read(self, part: str, data: bytes) -> None:
        list(reading.read_samples(self._written(part, data), ["input"], workers=1))

    def read_here(self, part: str, data: bytes) -> None:
        dataset = self._written(part, data)
        signal.setitimer(signal.ITIMER_PROF, HERE_SECONDS)
        dataset.read_sample("input")
        signal.setitimer(signal.ITIMER_PROF, 0)

    def _written(self, part: str, data: bytes) -> GeoBenchDataset:
        dataset = self.plain if part == "plain" else self.masked
        (dataset.directory / "input.hdf5").write_bytes(data)
        return dataset


class TortillaTarget(Target):
    """The tables of GEO-Bench-2's files, of which one lies inside another."""

    documented = (harness.errors.UserError,)
    words = words.PARQUET

    @cached_property
    def seeds(self) -> Mapping[str, list[bytes]]:
        columns = {"tortilla:data_split": "train", "stac:centroid": "POINT (10 -46.25)", "labels": [1, 2]}
        inner = tortilla([Packed("image", "BYTES", b"pixels"), Packed("mask", "BYTES", b"mask", {"modality": "label"})])
        samples = [Packed(f"sample_{i}", "TORTILLA", inner, columns) for i in range(3)]
        return {"file": [tortilla(samples), tortilla(samples[:1])]}

    def read(self, part: str, data: bytes) -> None:
        path = self.folder / "input.tortilla"
        path.write_bytes(data)
        read_column(path, "tortilla:data_split", path.name)
        for sample in read_index(path, path.name):
            for item in read_index(path, path.name, sample):
                read_item(path, item, path.name)


class OfficialCheckpointTarget(Target):
    """A checkpoint that torch.save wrote: the description in it, and the archive around that."""

    documented = (mp_mae.errors.UserError,)
    words = words.TORCH

    @cached_property
    def seeds(self) -> Mapping[str, list[bytes]]:
        import argparse

        import torch

        from mp_mae.checkpoint import load_checkpoint
        from mp_mae.official.layout import to_official

        whole = load_checkpoint(DEMO)
        inputs = {"sentinel2": list(whole.encoder.bands)}
        facts = argparse.Namespace(inp_modalities=inputs, out_modalities=inputs, epochs=200)
        path = self.folder / "seed.pth"
        torch.save({"model": to_official(dict(whole.state)), "epoch": 3, "args": facts}, path)
        with zipfile.ZipFile(path) as archive:
            self.members = {name: archive.read(name) for name in archive.namelist()}
        (name,) = (name for name in self.members if name.endswith("data.pkl"))
        self.description = name
        return {"description": [self.members[name]], "archive": [path.read_bytes()]}

    def read(self, part: str, data: bytes) -> None:
        from mp_mae.checkpoint import load_checkpoint

        path = self.folder / "input.pth"
        if part == "archive":
            path.write_bytes(data)
        else:
            with zipfile.ZipFile(path, "w") as archive:
                for name, content in (self.members | {self.description: data}).items():
                    archive.writestr(name, content)
        load_checkpoint(path)


class OwnCheckpointTarget(Target):
    """A folder that `mp_mae` wrote: its configuration, and the header of its weights."""

    documented = (mp_mae.errors.UserError,)
    words = words.JSON

    @cached_property
    def seeds(self) -> Mapping[str, list[bytes]]:
        self.config = (DEMO / "config.json").read_bytes()
        weights = (DEMO / "model.safetensors").read_bytes()
        (size,) = struct.unpack("<Q", weights[:8])
        self.header, self.values = weights[: 8 + size], weights[8 + size :]
        return {"configuration": [self.config], "header": [self.header]}

    def read(self, part: str, data: bytes) -> None:
        from mp_mae.checkpoint import load_checkpoint

        (self.folder / "config.json").write_bytes(data if part == "configuration" else self.config)
        header = data if part == "header" else self.header
        (self.folder / "model.safetensors").write_bytes(header + self.values)
        load_checkpoint(self.folder)


class ImportTarget(Target):
    """A leaderboard to merge: as DuckDB, Parquet, CSV and JSON."""

    documented = (leaderboards.errors.UserError,)
    words = (*words.JSON, *words.SQL)

    @cached_property
    def seeds(self) -> Mapping[str, list[bytes]]:
        from fuzz.leaderboard import write_leaderboard, write_sources

        self.ours = write_leaderboard(self.folder / "ours.duckdb", ["shared"])
        self.sources = write_sources(self.folder / "theirs", ["shared", "new"])
        return {part: [path.read_bytes()] for part, path in self.sources.items()}

    def read(self, part: str, data: bytes) -> None:
        from leaderboards.merge import merge
        from leaderboards.store import Leaderboard

        path, whole = self.sources[part], self.seeds[part][0]
        path.write_bytes(data)
        try:
            merge(Leaderboard(self.ours), path.parent if path.suffix == ".parquet" else path)
        finally:
            path.write_bytes(whole)


class SqlTarget(Target):
    """A query of a user."""

    documented = (leaderboards.errors.UserError,)
    one_line = False
    words = words.SQL

    @cached_property
    def seeds(self) -> Mapping[str, list[bytes]]:
        from fuzz.leaderboard import write_leaderboard

        self.board = write_leaderboard(self.folder / "board.duckdb", ["a", "b"])
        return {"query": [query.encode() for query in words.QUERIES]}

    def read(self, part: str, data: bytes) -> None:
        from leaderboards.query import run_query, to_csv, to_json

        table = run_query(self.board, data.decode(errors="surrogateescape"))
        to_csv(table)
        json.loads(to_json(table))


TARGETS: dict[str, Callable[[Path], Target]] = {
    "pickle": PickleTarget,
    "json": JsonTarget,
    "sample": SampleTarget,
    "tortilla": TortillaTarget,
    "official_checkpoint": OfficialCheckpointTarget,
    "own_checkpoint": OwnCheckpointTarget,
    "import": ImportTarget,
    "sql": SqlTarget,
}
