"""Vectors that were made elsewhere, by the names of the images: `embeddings:PATH`.

| file | holds |
| --- | --- |
| `.parquet` | a row an image: `sample` (or `name`, `file`, `id`) and its `embedding` (or `embeddings`, `vector`) |
| `.npz` | `names` (N,) and `embeddings` (N, D) |
| `.npy` | (N, D), and beside it a file of the same name and `.txt` with a name a line |
| a folder | GeoTIFF files, each called as its image: D bands, whose mean over the pixels is the vector (`rasters`) |
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import duckdb
import numpy as np
import torch
from torch import Tensor

from baselines.bands import BandInfo
from baselines.contract import Backbone, Features, InputSpec, Origin
from baselines.entry import Entry
from baselines.facts import Facts
from baselines.stored_embeddings.rasters import read_rasters
from mp_mae.errors import UserError

_NAMES = ("sample", "name", "file", "id")
_VECTORS = ("embedding", "embeddings", "vector")


class StoredEmbeddings(Backbone):
    """A table of vectors. Pixels say nothing to it, and it has none of pixels."""

    def __init__(self, names: Sequence[str], vectors: np.ndarray, where: str) -> None:
        """
        Args:
            names: of N images.
            vectors: (N, D) float32, finite.
        """
        content = json.dumps([*names]).encode() + np.ascontiguousarray(vectors, "<f4").tobytes()
        origin = Origin(weights_sha256=hashlib.sha256(content).hexdigest(), description="vectors made elsewhere")
        super().__init__(inputs=InputSpec(bands=None), origin=origin, pyramid=())
        self._vectors, self._where = vectors, where
        self._row_of = {name: row for row, name in enumerate(names)}

    def reads(self, bands: Sequence[BandInfo]) -> Sequence[int]:
        """One band, as little as there is."""
        return range(min(1, len(bands)))

    def embed(self, x: Tensor, facts: Facts) -> Features:
        """Zeros: an image without its name has no vector."""
        return Features(vector=torch.zeros(len(x), self._vectors.shape[1]), maps=())

    def lookup(self, samples: Sequence[str]) -> np.ndarray:
        """(n, D) float32 vectors of samples, which may be called by their path or their file, with its ending or
        without.

        Raises:
            UserError: one has no vector.
        """
        rows = [self._find(sample) for sample in samples]
        absent = [sample for sample, row in zip(samples, rows, strict=True) if row is None]
        if absent:
            raise UserError(
                f"{self._where}: no vector of {absent[0]} (and {len(absent) - 1} more of {len(samples)} images); it "
                f"names {next(iter(self._row_of))}. Write a row for each image"
            )
        return self._vectors[np.array(rows, np.int64)]

    def _find(self, sample: str) -> int | None:
        path = PurePosixPath(sample.replace(":", "/"))
        called = (sample, str(path), str(path.with_suffix("")), path.name, path.stem)
        return next((self._row_of[name] for name in called if name in self._row_of), None)


def find_entry(rest: str) -> Entry:
    """The entry of a file of vectors."""
    return Entry(
        name=f"embeddings:{rest}",
        summary=f"vectors in {rest}",
        bands="none",
        unit="none",
        parameters=0,
        source=rest,
        module=__name__,
        requires={"path": rest},
        weights="none",
    )


def build(weights: Path | None, seed: int, *, path: str) -> Backbone:
    """Read the vectors.

    Raises:
        UserError: the file is absent, damaged, or of another layout; a name is there twice, or a vector has no numbers.
    """
    file, where = Path(path).expanduser(), f"embeddings:{path}"
    readers = {".parquet": _read_parquet, ".npz": _read_npz, ".npy": _read_npy}
    if not file.is_dir() and (file.suffix not in readers or not file.is_file()):
        found = f"{file.suffix or 'a file without ending'}" if file.is_file() else "nothing"
        raise UserError(
            f"{where}: a file of {', '.join(readers)} is wanted, or a folder of GeoTIFF files, {found} found"
        )
    try:
        names, vectors = read_rasters(file, where) if file.is_dir() else readers[file.suffix](file, where)
    except (OSError, ValueError, KeyError, duckdb.Error) as error:
        raise UserError(f"{where}: cannot be read ({str(error).splitlines()[0]})") from None
    if vectors.ndim != 2 or vectors.dtype.kind not in "fiu" or len(vectors) != len(names):
        raise UserError(f"{where}: {len(names)} names want (N, D) numbers, {vectors.dtype} {vectors.shape} found")
    if not np.isfinite(vectors).all():
        raise UserError(
            f"{where}: the vector of {names[int(np.argmin(np.isfinite(vectors).all(axis=1)))]} has NaN or infinity"
        )
    if len(set(names)) < len(names):
        raise UserError(f"{where}: a name is there twice; one vector an image is wanted")
    return StoredEmbeddings(names, vectors.astype(np.float32), where)


def _read_parquet(file: Path, where: str) -> tuple[list[str], np.ndarray]:
    columns = [row[0] for row in duckdb.execute("DESCRIBE FROM read_parquet(?)", [str(file)]).fetchall()]
    chosen = [next((name for name in wanted if name in columns), None) for wanted in (_NAMES, _VECTORS)]
    if None in chosen:
        raise UserError(
            f"{where}: columns {'|'.join(_NAMES)} and {'|'.join(_VECTORS)} are wanted, found {' '.join(columns)}"
        )
    rows = duckdb.execute(f"SELECT {chosen[0]}::VARCHAR, {chosen[1]} FROM read_parquet(?)", [str(file)]).fetchall()
    return [name for name, _ in rows], np.array([vector for _, vector in rows], np.float32)


def _read_npz(file: Path, where: str) -> tuple[list[str], np.ndarray]:
    with np.load(file, allow_pickle=False) as arrays:
        return [str(name) for name in arrays["names"]], arrays["embeddings"]


def _read_npy(file: Path, where: str) -> tuple[list[str], np.ndarray]:
    return file.with_suffix(".txt").read_text().splitlines(), np.load(file, allow_pickle=False)
