"""Batches for the model: threads read ahead, one copy takes a batch to the device, `prepare` does the rest there.

Threads suffice: copying out of a memory map, inflating and the copy to the device all release Python's lock.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from mp_mae.data.buffers import BatchLayout, on_page
from mp_mae.data.crops import Crops, centre_crops, join_crops, random_crops
from mp_mae.data.files import METADATA, MMEarthFiles
from mp_mae.data.h5 import RowReader
from mp_mae.data.order import TrainingOrder, evaluation_batches
from mp_mae.data.prepare import Batch, DatasetTables, prepare
from mp_mae.data.statistics import processing_levels
from mp_mae.devices.transfer import Transfer, to_device, transfers

SPARE_SLOTS = 2
"""Buffers beyond those being read, so that reading need not wait for copies to a GPU that are still queued there."""


@dataclass(frozen=True, eq=False)
class Request:
    """Which tiles make a batch, and which crop of each."""

    rows: np.ndarray
    """(B,) int64 rows of the file."""
    crops: Crops


def training_requests(
    files: MMEarthFiles,
    rows: np.ndarray,
    order: TrainingOrder,
    first_step: int,
    end_step: int,
    *,
    crop: int,
    crops_per_tile: int = 1,
    turn: bool,
) -> Iterator[Request]:
    """This process's micro-batches of the steps first_step .. end_step - 1, with random crops (and turns).

    Args:
        rows: (n,) int64 rows of the training split; order.n is n.
        crop: side in pixels.
        crops_per_tile: a request has the first crop of every tile, then the second one of every tile, and so on.
    """
    epoch, draws = -1, list[Crops]()
    for batch in order.micro_batches(first_step, end_step):
        if batch.epoch != epoch:
            epoch = batch.epoch
            draws = [
                random_crops(files.n_tiles, files.side, crop, seed=order.seed, epoch=epoch, turn=turn, draw=draw)
                for draw in range(crops_per_tile)
            ]
        chosen = rows[batch.positions]
        yield Request(np.tile(chosen, crops_per_tile), join_crops([crops[chosen] for crops in draws]))


def evaluation_requests(
    files: MMEarthFiles, rows: np.ndarray, batch: int, *, crop: int, processes: int = 1, rank: int = 0
) -> Iterator[Request]:
    """This process's part of a split, each tile once over all processes, centre crops; the last may be smaller."""
    for positions in evaluation_batches(len(rows), batch, processes, rank):
        yield Request(rows[positions], centre_crops(len(positions), files.side, crop))


@dataclass(frozen=True, eq=False)
class RawBatch:
    """Rows as stored, on the device. Valid until the next batch is asked for."""

    request: Request
    tensors: dict[str, Tensor]
    """(B, *row) by HDF5 name, without the metadata."""
    levels: Tensor
    """(B,) int64 index into LEVELS."""


class _Slot:
    """A reusable buffer for one batch."""

    def __init__(self, layout: BatchLayout, transfer: Transfer) -> None:
        memory = torch.empty(layout.bytes_to_allocate(), dtype=torch.uint8, pin_memory=transfer.pinned)
        self._layout = layout
        self._host = memory[on_page(memory.data_ptr()) :][: layout.n_bytes]
        self._arrays = layout.arrays(self._host.numpy(), layout.capacity)
        self._transfer = transfer

    def read(self, reader: RowReader, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Fill the buffer; arrays (n, *row) in it, by column. Runs in a reading thread."""
        self._transfer.wait()  # for the copy of what was in the buffer before
        arrays = {name: array[: len(rows)] for name, array in self._arrays.items()}
        reader.read_into(arrays, rows)
        return arrays

    def on_device(self, arrays: dict[str, np.ndarray]) -> dict[str, Tensor]:
        """The arrays that `read` returned, without the metadata, as tensors that share or copy the buffer."""
        there = self._transfer.start(self._host)  # one copy for all columns
        tensors = {name: torch.from_numpy(array) for name, array in arrays.items() if name != METADATA}
        starts = zip(self._layout.columns, self._layout.starts, strict=True)
        return {
            column.name: there[start : start + tensor.nbytes].view(tensor.dtype).view(tensor.shape)
            for column, start in starts
            if (tensor := tensors.get(column.name)) is not None
        }


class Loader:
    """Turns requests into batches, reading ahead. One loader serves any number of passes."""

    def __init__(
        self, files: MMEarthFiles, *, capacity: int, crop: int, device: torch.device, workers: int = 2, ahead: int = 3
    ) -> None:
        """
        Args:
            capacity: crops in the largest batch.
            crop: side in pixels.
            workers: reading threads.
            ahead: batches that are read before they are asked for.
        """
        self._path = files.paths.h5
        self._reader = files.reader()
        self._layout = BatchLayout(files.columns, capacity)
        self._wanted_on = device
        # MPS has no unsigned 16-bit numbers, as which Sentinel-2 is stored: there the model gets what the CPU prepared.
        self._device = torch.device("cpu") if device.type == "mps" else device
        self._tables = DatasetTables.of(files, crop, self._device)
        self._workers = workers
        self._ahead = ahead

    def batches(self, requests: Iterable[Request]) -> Iterator[Batch]:
        """Prepared batches, one per request, in order.

        Raises:
            UserError: the file is damaged, or a tile's processing level is unknown.
        """
        for raw in self.raw_batches(requests):
            pixels, targets = prepare(raw.tensors, raw.levels, raw.request.crops, self._tables)
            there = {name: target.to(self._wanted_on) for name, target in targets.items()}
            yield Batch(pixels.to(self._wanted_on), there, raw.request.rows)

    def raw_batches(self, requests: Iterable[Request]) -> Iterator[RawBatch]:
        """Rows as stored, one batch per request, in order: what `batches` prepares."""
        coming = iter(requests)
        reading: deque[tuple[Request, _Slot, Future[dict[str, np.ndarray]]]] = deque()
        free = deque(_Slot(self._layout, each) for each in transfers(self._device, self._ahead + SPARE_SLOTS))
        with ThreadPoolExecutor(self._workers, thread_name_prefix="mmearth") as pool:
            try:
                while True:
                    for request in islice(coming, self._ahead - len(reading)):
                        slot = free.popleft()
                        reading.append((request, slot, pool.submit(slot.read, self._reader, request.rows)))
                    if not reading:
                        return
                    request, slot, future = reading.popleft()
                    arrays = future.result()
                    levels = torch.from_numpy(processing_levels(self._path, arrays[METADATA]))
                    yield RawBatch(request, slot.on_device(arrays), to_device(levels, self._device))
                    free.append(slot)
            finally:  # also when the caller stops early
                pool.shutdown(cancel_futures=True)
