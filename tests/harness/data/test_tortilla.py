"""Tortillas that are damaged or lie about themselves: one line that says what is wrong, and no byte is read outside."""

import io
import struct
import sys

import numpy as np
import pytest

from harness.data.files.budgets import INDEX_BYTES, SAMPLE_BYTES
from harness.data.sources.geobench2.rasters import read_raster
from harness.data.sources.geobench2.tortilla import Item, read_index, read_item
from harness.errors import NotHereError, UserError

pytest.importorskip("pyarrow", reason="the extra `geo`")

from geobench2_files import Packed, hdf5, tortilla

INNER = tortilla([Packed("s1", "BYTES", b"radar"), Packed("s2", "BYTES", b"optical")])
WHOLE = tortilla([Packed("a", "TORTILLA", INNER, {"label": 3}), Packed("b", "BYTES", b"else")])


def index(tmp_path, content, inside=None):
    file = tmp_path / "x.tortilla"
    file.write_bytes(content)
    return read_index(file, "toy/x.tortilla", inside)


def with_header(content=WHOLE, magic=b"#y", offset=None, length=None):
    _, found, size = struct.unpack_from("<2sQQ", content)
    return (
        struct.pack("<2sQQ", magic, found if offset is None else offset, size if length is None else length)
        + content[18:]
    )


def with_row(**changed):
    from pyarrow import Table, parquet

    row = {"tortilla:id": "a", "tortilla:file_format": "BYTES", "tortilla:offset": 200, "tortilla:length": 5}
    table = io.BytesIO()
    parquet.write_table(
        Table.from_pylist([row | {f"tortilla:{name}": value for name, value in changed.items()}]), table
    )
    return struct.pack("<2sQQ", b"#y", 205, len(table.getvalue())).ljust(200, b"\0") + b"12345" + table.getvalue()


def test_a_tortilla_in_a_tortilla_counts_from_its_own_beginning(tmp_path):
    outer, other = index(tmp_path, WHOLE)
    assert (outer.id, outer.format, outer.columns["label"], other.id) == ("a", "TORTILLA", 3, "b")
    items = index(tmp_path, WHOLE, outer)
    assert [read_item(tmp_path / "x.tortilla", item, "toy") for item in items] == [b"radar", b"optical"]
    assert read_item(tmp_path / "x.tortilla", other, "toy") == b"else"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is no tortilla: it begins with b''"),
        (b"PK\3\4" + bytes(300), "is no tortilla: it begins with b'PK'"),
        (WHOLE[:-1], f"its table should end at byte {len(WHOLE)}, it has {len(WHOLE) - 1}: the download is incomplete"),
        (with_header(offset=2**63), "its table should end at byte"),
        (with_header(length=2**64 - 1), "its table should end at byte"),
        (with_header(offset=0), r"its table is damaged \("),
        (with_header(length=0), r"its table is damaged \("),
        (WHOLE[:-40] + bytes(40), r"its table is damaged \("),
        (with_row(offset=9_000), "'a' should lie in bytes 9000 to 9005, of"),
        (with_row(length=2**62), "'a' should lie in bytes 200 to"),
        (with_row(offset=-1), "'a' should lie in bytes -1 to 4"),
        (with_row(offset=None), "its table lacks tortilla:id"),
        (with_row(id=7), "its table lacks tortilla:id"),
    ],
)
def test_a_damaged_or_lying_tortilla_is_one_line(tmp_path, content, problem):
    with pytest.raises(UserError, match=rf"^toy/x\.tortilla: {problem}[^\n]*Download the file again$"):
        index(tmp_path, content)


def test_an_inner_tortilla_cannot_reach_out_of_its_own_bytes(tmp_path):
    outer, _ = index(tmp_path, WHOLE)
    with pytest.raises(UserError, match="its table should end at byte"):
        index(tmp_path, WHOLE, outer._replace(length=outer.length - 1))


def test_a_huge_table_or_file_is_not_read(tmp_path):
    file = tmp_path / "x.tortilla"
    with file.open("wb") as sparse:
        sparse.write(struct.pack("<2sQQ", b"#y", 18, INDEX_BYTES + 1))
        sparse.truncate(18 + INDEX_BYTES + 1)
    with pytest.raises(UserError, match=f"its table has {INDEX_BYTES + 1} bytes; at most"):
        read_index(file, "toy")
    with pytest.raises(UserError, match=rf"toy: big has {SAMPLE_BYTES + 1} bytes; at most"):
        read_item(file, Item("big", "GTiff", 0, SAMPLE_BYTES + 1, {}), "toy")


def test_of_a_series_the_first_date_is_read(tmp_path):
    series = np.arange(2 * 3 * 4 * 4, dtype=np.int16).reshape(2, 3, 4, 4)
    np.testing.assert_array_equal(read_raster(hdf5(series), "HDF5", "toy"), series[0])
    np.testing.assert_array_equal(read_raster(hdf5(series[1]), "HDF5", "toy"), series[1])


@pytest.mark.parametrize(
    ("content", "form", "problem"),
    [
        (b"II*\0" + bytes(50), "GTiff", "cannot be read"),
        (b"<VRTDataset/>", "GTiff", "cannot be read"),
        (b"\x89HDF\r\n\x1a\n" + bytes(50), "HDF5", "cannot be read"),
        (hdf5(np.zeros(5)), "HDF5", r"an array 'data' of \(T, C, H, W\)"),
        (hdf5(np.zeros((1, 2, 2), "S3")), "HDF5", r"has shape .*; numbers are wanted"),
        (hdf5(np.zeros((1, 0, 2))), "HDF5", "an array 'data'"),
        (b"", "GeoParquet", "is GeoParquet; GTiff or HDF5 is wanted"),
    ],
)
def test_pixels_that_are_none_are_one_line(content, form, problem):
    if form == "GTiff":
        pytest.importorskip("rasterio", reason="the extra `geo`")
    with pytest.raises(UserError, match=rf"^toy: {problem}[^\n]*Download the file again$"):
        read_raster(content, form, "toy")


def test_values_of_another_file_are_not_read(tmp_path):
    import h5py

    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        file.create_dataset("data", (1, 4, 4), "u1", external=[(str(tmp_path / "secret"), 0, 16)])
    (tmp_path / "secret").write_bytes(bytes(16))
    with pytest.raises(UserError, match="an array 'data'"):
        read_raster(content.getvalue(), "HDF5", "toy")


def test_an_array_that_unpacks_to_more_than_a_sample_is_not_read():
    import h5py

    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        file.create_dataset("data", (1, 1, 20_000, 20_000), "u1", chunks=(1, 1, 20_000, 20_000))
    with pytest.raises(UserError, match="toy: unpacks to 400000000 bytes; at most"):
        read_raster(content.getvalue(), "HDF5", "toy")


def test_without_the_extra_the_command_that_installs_it_is_told(tmp_path, monkeypatch):
    for package in ("pyarrow", "rasterio"):
        monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(NotHereError, match=r"pyarrow, which is not installed\. Run: pip install '\.\[geo\]'"):
        index(tmp_path, WHOLE)
    with pytest.raises(NotHereError, match=r"rasterio, which is not installed\. Run: pip install '\.\[geo\]'"):
        read_raster(b"", "GTiff", "toy")
