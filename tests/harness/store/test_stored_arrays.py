"""Arrays on disk: what is read is what was written, or an error."""

import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.store import arrays as module
from harness.store.arrays import ArrayWriter, Layout, StoredArray
from harness.store.damage import DamagedError

ROWS = np.arange(10 * 3 * 2, dtype=np.int16).reshape(10, 3, 2)


@pytest.fixture
def small_blocks(monkeypatch):
    """Three rows share a checksum, and nothing is checked before it is read."""
    monkeypatch.setattr(module, "BLOCK_BYTES", 36)
    monkeypatch.setattr(module, "CHECKED_AT_ONCE", 0)


def write(path, rows=ROWS, parts=(10,)):
    with ArrayWriter(path, rows.shape, rows.dtype) as writer:
        for part in np.split(rows, np.cumsum(parts)[:-1]):
            writer.append(part)
    return writer.layout()


def read(path, layout):
    given_up = []
    return StoredArray(path, layout, lambda: given_up.append(True)), given_up


@pytest.mark.parametrize("parts", [(10,), (1,) * 10, (2, 5, 3), (4, 0, 6)])
def test_files_and_checksums_do_not_depend_on_how_rows_arrive(tmp_path, small_blocks, parts):
    layout = write(tmp_path / "a.npy", parts=parts)
    assert layout.crc32 == tuple(zlib.crc32(ROWS[i : i + 3].tobytes()) for i in (0, 3, 6, 9))
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), ROWS)  # NumPy reads it as well
    assert Layout.from_json(layout.to_json()) == layout


@settings(deadline=None, derandomize=True, max_examples=50)
@given(rows=st.one_of(st.integers(-10, 9), st.slices(10), st.lists(st.integers(-10, 9), max_size=5).map(np.array)))
def test_indexing_is_numpys(tmp_path_factory, rows):
    if isinstance(rows, np.ndarray):
        rows = rows.astype(np.int64)
    path = tmp_path_factory.mktemp("arrays") / "a.npy"
    stored, _ = read(path, write(path))
    np.testing.assert_array_equal(stored[rows], ROWS[rows])
    assert (stored.shape, stored.ndim, len(stored), stored.dtype) == (ROWS.shape, 3, 10, ROWS.dtype)


@pytest.mark.parametrize("rows", [10, -11, np.array([0, 10])])
def test_rows_that_are_not_there_are_an_index_error(tmp_path, rows):
    stored, _ = read(tmp_path / "a.npy", write(tmp_path / "a.npy"))
    with pytest.raises(IndexError):
        stored[rows]


def damage(path, row):
    """Change one bit of a row of int16."""
    content = bytearray(path.read_bytes())
    content[len(content) - ROWS.nbytes + row * 12 + 5] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("rows", [4, slice(3, 5), slice(None), np.array([0, 4]), slice(9, None, -1), slice(5, 2, -1)])
def test_one_changed_bit_is_found_by_whatever_reads_its_block(tmp_path, small_blocks, rows):
    layout = write(tmp_path / "a.npy")
    damage(tmp_path / "a.npy", row=4)
    stored, given_up = read(tmp_path / "a.npy", layout)
    np.testing.assert_array_equal(stored[:3], ROWS[:3])
    np.testing.assert_array_equal(stored[np.array([7, 0])], ROWS[[7, 0]])
    assert not given_up
    with pytest.raises(DamagedError, match=r"a\.npy: rows 3 to 5 are not what was written"):
        stored[slice(9, 3, -1) if isinstance(rows, slice) and rows.start == 9 else rows]
    assert given_up


def test_a_block_is_checked_once(tmp_path, small_blocks, monkeypatch):
    stored, _ = read(tmp_path / "a.npy", write(tmp_path / "a.npy"))
    checked = []
    crc32 = zlib.crc32
    monkeypatch.setattr(module.zlib, "crc32", lambda data, *start: checked.append(len(data)) or crc32(data, *start))
    for _ in range(3):
        stored[:4]
        stored[1]
    assert len(checked) == 2


def test_a_small_array_is_checked_when_it_is_opened(tmp_path):
    layout = write(tmp_path / "a.npy")
    damage(tmp_path / "a.npy", row=9)
    with pytest.raises(DamagedError):
        read(tmp_path / "a.npy", layout)


def test_rewriting_changes_rows_and_checksums(tmp_path, small_blocks):
    with ArrayWriter(tmp_path / "a.npy", ROWS.shape, ROWS.dtype) as writer:
        writer.append(ROWS[:7])
        writer.rewrite(lambda rows: rows + 1)
        writer.append(ROWS[7:])
    stored, _ = read(tmp_path / "a.npy", writer.layout())
    np.testing.assert_array_equal(stored, np.concatenate([ROWS[:7] + 1, ROWS[7:]]))


@pytest.mark.parametrize(
    "change",
    [
        {"dtype": "|O"},
        {"shape": []},
        {"shape": [0, 3]},
        {"shape": "x"},
        {"rows_per_block": 0},
        {"crc32": [1]},
        {"crc32": None},
    ],
)
def test_layouts_of_something_else_are_refused(tmp_path, small_blocks, change):
    layout = write(tmp_path / "a.npy")
    with pytest.raises((ValueError, TypeError)):
        Layout.from_json({**layout.to_json(), **change})


def test_rows_that_were_let_go_are_read_again(tmp_path, small_blocks):
    stored, _ = read(tmp_path / "a.npy", write(tmp_path / "a.npy"))
    before = stored[2:5]
    stored.let_go()
    np.testing.assert_array_equal(before, ROWS[2:5])
    np.testing.assert_array_equal(stored[:], ROWS)
