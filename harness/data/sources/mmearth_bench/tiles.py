"""The HDF5 file of a task: rows of arrays, read in blocks.

Its writer let the library choose chunks, which then hold a small part of a thousand tiles each. Whoever reads tile by
tile would unpack all of them for every tile, so as many rows as share chunks are read at once and kept.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from harness.data.files.budgets import BLOCK_BYTES
from harness.data.files.regular_file import check_regular
from harness.errors import UserError

_AGAIN = "Download the file again"


@dataclass
class TileFile:
    """An open file. Every method raises UserError where something is missing or damaged."""

    path: Path
    where: str
    _held: dict[str, tuple[int, np.ndarray]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        try:
            check_regular(self.path, self.where)
            self._file = h5py.File(self.path, "r", locking=False)
        except OSError as error:
            raise self._error(f"cannot be read ({_reason(error)})") from None

    def count(self, key: str) -> int:
        """How many rows an array has."""
        return len(self._array(key))

    def row(self, key: str, row: int, channels: Sequence[int] | None = None) -> np.ndarray:
        """One row of an array, of all its channels or some."""
        array = self._array(key)
        if not row < len(array):
            raise self._error(f"{key} has {len(array)} rows, row {row} is wanted")
        if channels is not None and not (array.ndim == 4 and max(channels) < array.shape[1]):
            raise self._error(f"{key} has shape {array.shape}; (N, {max(channels) + 1} or more, H, W) is wanted")
        if key not in self._held or not 0 <= row - self._held[key][0] < len(self._held[key][1]):
            self._held[key] = self._read_block(key, row, channels)
        start, block = self._held[key]
        return block[row - start]

    def text(self, key: str, row: int) -> str:
        """One row of an array of texts."""
        raw = self.row(key, row)
        return raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw)

    def names(self, key: str, row: int) -> list[str]:
        """One row of an array of lists in JSON."""
        try:
            names: Any = json.loads(self.text(key, row))
        except ValueError:
            names = None
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise self._error(f"{key} has no list of names in row {row}")
        return names

    def day(self, key: str, row: int) -> date:
        """One row of an array of dates."""
        text = self.text(key, row)
        try:
            return date.fromisoformat(text)
        except ValueError:
            raise self._error(f"{key} has {text[:30]!r} in row {row}; a date is wanted") from None

    def _read_block(self, key: str, row: int, channels: Sequence[int] | None) -> tuple[int, np.ndarray]:
        """The rows around a row that share its chunks, and the number of the first."""
        array = self._array(key)
        shape = array.shape[1:] if channels is None else (len(channels), *array.shape[2:])
        row_bytes = max(1, math.prod(shape) * array.dtype.itemsize)
        if row_bytes > BLOCK_BYTES:
            raise self._error(f"a row of {key} has {row_bytes} bytes; at most {BLOCK_BYTES} are read")
        n_rows = min((array.chunks or (1,))[0], BLOCK_BYTES // row_bytes)
        start = row - row % n_rows
        rows = slice(start, start + n_rows)
        try:
            return start, array[rows] if channels is None else array[rows, list(channels)]
        except (OSError, RuntimeError, ValueError) as error:
            raise self._error(f"{key} cannot be read ({_reason(error)})") from None

    def _array(self, key: str) -> h5py.Dataset:
        link = self._file.get(key, getlink=True)
        array = self._file[key] if isinstance(link, h5py.HardLink) else None
        if not isinstance(array, h5py.Dataset) or array.is_virtual or array.external or not array.ndim:
            raise self._error(f"holds no array {key!r}")
        return array

    def _error(self, problem: str) -> UserError:
        return UserError(f"{self.where}: {problem}. {_AGAIN}")


def _reason(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:100]
