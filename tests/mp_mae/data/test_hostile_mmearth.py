"""An MMEarth file that draws on other files, or lies about its size, is refused in one line."""

import os
import zlib

import h5py
import numpy as np
import pytest
import tiny_mmearth

from mp_mae.data.files import find_files, open_mmearth
from mp_mae.data.h5 import RowReader, describe_columns
from mp_mae.errors import UserError
from mp_mae.modalities import PRESETS, choose_modalities


@pytest.fixture
def folder(tmp_path):
    return tiny_mmearth.write(tmp_path / "d", tiny_mmearth.random_columns(4, 8))


def refused(folder, said):
    with pytest.raises(UserError, match=said) as caught:
        open_mmearth(folder, choose_modalities(PRESETS["all"]))
    assert "\n" not in str(caught.value)


def replace(folder, name, link=None, **stored):
    with h5py.File(folder / "d.h5", "a") as file:
        del file[name]
        if link is None:
            file.create_dataset(name, **stored)
        else:
            file[name] = link


@pytest.mark.parametrize("target", ["secret", "pipe", "/dev/zero"])
def test_external_storage_is_refused_whatever_it_names(folder, tmp_path, target):
    (tmp_path / "secret").write_bytes(bytes(1000))
    os.mkfifo(tmp_path / "pipe")
    replace(folder, "lat", shape=(4, 2), dtype="f4", external=[(str(tmp_path / target), 0, h5py.h5f.UNLIMITED)])
    refused(folder, r"d\.h5: lat takes its values from another file")


def test_a_virtual_dataset_is_refused(folder):
    layout = h5py.VirtualLayout((4, 2), "f4")
    layout[:] = h5py.VirtualSource("other.h5", "x", (4, 2))
    with h5py.File(folder / "d.h5", "a") as file:
        del file["lat"]
        file.create_virtual_dataset("lat", layout)
    refused(folder, r"d\.h5: lat takes its values from another file")


@pytest.mark.parametrize("link", [h5py.ExternalLink("other.h5", "x"), h5py.SoftLink("/lon"), h5py.SoftLink("/lat")])
def test_links_are_refused(folder, link):
    replace(folder, "lat", link)
    refused(folder, r"d\.h5: lat is a link to another place")


def test_a_dataset_that_is_a_pipe_is_refused_without_waiting(folder, tmp_path):
    (folder / "d.h5").unlink()
    os.mkfifo(folder / "d.h5")
    refused(folder, r"d\.h5: wanted an HDF5 file; found a folder, a pipe or a device")
    assert find_files(folder).h5.name == "d.h5"


@pytest.mark.parametrize("shape", [(), None])
def test_a_dataset_without_rows_is_refused(folder, shape):
    replace(folder, "lat", data=h5py.Empty("f4") if shape is None else np.float32(1))
    refused(folder, r"d\.h5: lat has no rows")


def test_values_beyond_the_end_of_the_file_are_refused_before_they_are_mapped(folder):
    with h5py.File(folder / "d.h5") as file:
        dataset = file["sentinel2"]
        offset, size = dataset.id.get_offset(), dataset.size * dataset.dtype.itemsize
    whole = (folder / "d.h5").read_bytes()
    place = whole.index(offset.to_bytes(8, "little") + size.to_bytes(8, "little"))
    moved = (len(whole) - 8).to_bytes(8, "little")
    (folder / "d.h5").write_bytes(whole[:place] + moved + whole[place + 8 :])
    refused(folder, r"d\.h5 cannot be opened as HDF5 .*truncated")


def test_a_row_in_far_more_bytes_than_it_has_is_not_unpacked(tmp_path):
    storage = {"chunks": "row", "compression": "gzip"}
    folder = tiny_mmearth.write(tmp_path / "d", tiny_mmearth.random_columns(4, 8), storage=storage)
    with h5py.File(folder / "d.h5", "a") as file:
        file["lat"].id.write_direct_chunk((0, 0), zlib.compress(bytes(2**20)))
    reader = RowReader(folder / "d.h5", [describe_columns(folder / "d.h5")["lat"]])
    with pytest.raises(UserError, match=r"d\.h5: rows of lat cannot be read \(row 0 is packed into \d+ bytes\)"):
        reader.read_rows(np.arange(4))
