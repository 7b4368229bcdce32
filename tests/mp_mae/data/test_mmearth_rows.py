import mmap
import multiprocessing
import pickle

import h5py
import numpy as np
import pytest
import tiny_mmearth

from mp_mae.data import buffers, h5
from mp_mae.data.files import open_mmearth
from mp_mae.data.h5 import RowReader, describe_columns
from mp_mae.errors import UserError
from mp_mae.modalities import PRESETS, choose_modalities

ROWS = np.array([4, 0, 3, 3, 1])


def read(path, rows=ROWS):
    reader = RowReader(path, list(describe_columns(path).values()))
    return reader, reader.read_rows(rows)


def assert_same_bytes(arrays, path, rows=ROWS):
    with h5py.File(path) as file:
        assert set(arrays) == set(file)
        for name, dataset in file.items():
            wanted = dataset[:][rows]
            assert arrays[name].shape == wanted.shape
            assert arrays[name].dtype == wanted.dtype.newbyteorder("=")
            assert arrays[name].tobytes() == wanted.astype(arrays[name].dtype).tobytes(), name


def test_rows_of_each_layout_are_what_h5py_reads(tiles):
    path = tiles / f"{tiles.name}.h5"
    reader, arrays = read(path)
    with h5py.File(path) as file:
        assert reader.mapped == (file["sentinel2"].chunks is None)
    assert_same_bytes(arrays, path)


@pytest.mark.parametrize(
    "storage",
    [
        {},
        {"chunks": "row"},
        {"chunks": "row", "compression": "gzip"},
        {"chunks": "row", "compression": "gzip", "shuffle": True},
        {"chunks": "row", "compression": "lzf"},
        {"chunks": "row", "compression": "gzip", "fletcher32": True},
        {"chunks": True, "compression": "gzip"},
    ],
    ids=str,
)
def test_every_storage_gives_the_same_rows(tmp_path, storage):
    folder = tiny_mmearth.write(tmp_path / "data", tiny_mmearth.random_columns(5, 8), storage=storage)
    assert_same_bytes(read(folder / "data.h5")[1], folder / "data.h5")


@pytest.mark.parametrize("storage", [{}, {"chunks": (1, 3), "compression": "gzip"}, {"chunks": (2, 3)}], ids=str)
def test_foreign_byte_order_is_read_as_native_numbers(tmp_path, storage):
    values = np.arange(15).reshape(5, 3)
    with h5py.File(tmp_path / "big.h5", "w") as file:
        file.create_dataset("x", data=values.astype(">i4"), **storage)
    _, arrays = read(tmp_path / "big.h5")
    assert arrays["x"].dtype == np.dtype("=i4")
    np.testing.assert_array_equal(arrays["x"], values[ROWS])


def test_offsets_count_from_the_start_of_the_file_behind_a_user_block(tmp_path):
    with h5py.File(tmp_path / "block.h5", "w", userblock_size=1024) as file:
        file["x"] = np.arange(15.0).reshape(5, 3)
    assert_same_bytes(read(tmp_path / "block.h5")[1], tmp_path / "block.h5")


def test_rows_that_were_never_written_have_the_fill_value(tmp_path):
    with h5py.File(tmp_path / "sparse.h5", "w") as file:
        file.create_dataset("chunked", (5, 3), "i4", chunks=(1, 3), compression="gzip", fillvalue=7)[3] = 1
        file.create_dataset("contiguous", (5, 3), "i4", fillvalue=9)
    reader, arrays = read(tmp_path / "sparse.h5")
    assert not reader.mapped
    assert arrays["chunked"][:, 0].tolist() == [7, 7, 1, 1, 7]
    assert (arrays["contiguous"] == 9).all()


def test_no_rows_give_empty_arrays(sparse_tiles):
    _, arrays = read(sparse_tiles / "sparse_tiles.h5", np.empty(0, np.int64))
    assert arrays["sentinel2"].shape == (0, 13, 64, 64)


@pytest.mark.parametrize("row", [-1, 10])
def test_a_row_outside_the_file_is_refused(plain_tiles, row):
    with pytest.raises(IndexError):
        read(plain_tiles / "plain_tiles.h5", np.array([0, row]))


@pytest.mark.parametrize("filters", [{"compression": "gzip"}, {"compression": "lzf"}], ids=str)
def test_a_damaged_row_names_file_and_column(tmp_path, filters):
    path = tmp_path / "damaged.h5"
    with h5py.File(path, "w") as file:
        dataset = file.create_dataset("x", data=np.arange(4000).reshape(2, 2000), chunks=(1, 2000), **filters)
        chunk = dataset.id.get_chunk_info(1)
    with path.open("r+b") as file:
        file.seek(chunk.byte_offset)
        file.write(b"\xff" * chunk.size)
    with pytest.raises(UserError, match=r"damaged.h5: rows of x cannot be read"):
        read(path, np.array([1]))


def test_a_reader_works_in_a_forked_process_and_after_pickling(tiles):
    reader = open_mmearth(tiles, choose_modalities(PRESETS["all"])).reader()
    wanted = reader.read_rows(ROWS)["sentinel2"].tobytes()
    assert pickle.loads(pickle.dumps(reader)).read_rows(ROWS)["sentinel2"].tobytes() == wanted
    receiver, sender = multiprocessing.get_context("fork").Pipe(duplex=False)
    child = multiprocessing.get_context("fork").Process(
        target=lambda: sender.send_bytes(reader.read_rows(ROWS)["sentinel2"].tobytes())
    )
    child.start()
    assert receiver.poll(20)
    assert receiver.recv_bytes() == wanted
    child.join()


def test_every_process_opens_the_file_itself(sparse_tiles, monkeypatch):
    reader = open_mmearth(sparse_tiles, choose_modalities(["lat"])).reader()
    opened = []
    monkeypatch.setattr("mp_mae.data.h5.h5py.File", lambda *how, open_=h5py.File: opened.append(how) or open_(*how))
    for process, handles in ((1, 1), (1, 1), (2, 2)):
        monkeypatch.setattr("mp_mae.data.h5.os.getpid", lambda process=process: process)
        reader.read_rows(ROWS)
        assert len(opened) == handles


def test_buffers_lie_half_a_page_from_their_source_and_do_not_overlap(plain_tiles):
    columns = open_mmearth(plain_tiles, choose_modalities(PRESETS["all"])).columns
    layout = buffers.BatchLayout(columns, capacity=3)
    end = 0
    for column, start in zip(columns, layout.starts, strict=True):
        assert start >= end
        assert start % 64 == 0
        assert (start - column.offset) % 4096 in range(2048 - 64, 2048 + 1)
        end = start + 3 * column.row_bytes
    assert end == layout.n_bytes


def test_arrays_start_where_the_layout_says_whatever_the_allocator_returned(plain_tiles):
    read = open_mmearth(plain_tiles, choose_modalities(["era5"])).columns
    arrays, columns = buffers.fresh_arrays(read, 2), {column.name: column for column in read}
    for name, array in arrays.items():
        assert (array.ctypes.data - columns[name].offset) % 4096 in range(2048 - 64, 2048 + 1)


@pytest.mark.skipif(not hasattr(mmap, "MADV_WILLNEED"), reason="this system cannot be told what will be read")
def test_long_rows_are_announced_to_the_system_as_long_as_reading_is_slow(tmp_path, monkeypatch):
    class Memory(mmap.mmap):
        def madvise(self, option, start, length):
            announced.append((option, start, length))

    n_rows, row_bytes, offset = 4, 70_000, 2_000
    (tmp_path / "file").write_bytes(bytes(offset + n_rows * row_bytes))
    column = buffers.Column("x", np.dtype("u1"), (row_bytes,), n_rows, offset)
    out = np.empty((2, row_bytes), np.uint8)
    with (tmp_path / "file").open("rb") as file:
        fetch = h5._from_map(column, offset, Memory(file.fileno(), 0, access=mmap.ACCESS_READ))
    clock = iter([0, 1, 1, 1 + 1e-6, 2, 3, 4, 5])  # slow, fast, slow, slow
    monkeypatch.setattr("mp_mae.data.h5.time.perf_counter", lambda: next(clock))
    counts = []
    for _ in range(4):
        announced = []
        fetch(np.array([3, 0]), out)
        counts.append(len(announced))
    assert counts == [2, 2, 0, 2]
    assert announced == [
        (mmap.MADV_WILLNEED, 208_896, 212_000 - 208_896 + row_bytes),
        (mmap.MADV_WILLNEED, 0, 2_000 + row_bytes),
    ]
