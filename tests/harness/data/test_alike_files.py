"""Samples that are laid out alike are read without the HDF5 library, and give what it gives."""

from datetime import date

import h5py
import numpy as np
import pytest

from geobench_files import BLUE, RED, read_dataset, write_dataset, write_sample
from harness.data.sources.geobench import layouts, samples
from harness.data.sources.geobench.layouts import Layouts
from harness.errors import UserError


@pytest.fixture(autouse=True)
def library(monkeypatch):
    """Nothing is known yet; the files that are opened by the library."""
    opened = []

    class File(h5py.File):
        def __init__(self, path, mode, **more):
            opened.extend([path.stem] if mode == "r" else [])
            super().__init__(path, mode, **more)

    monkeypatch.setattr(samples, "_LAYOUTS", Layouts())
    monkeypatch.setattr(samples.h5py, "File", File)
    return opened


def read_both(directory, name, library, monkeypatch):
    """A sample as it is read after others, and by the library."""
    found = read_dataset(directory.parents[1]).read_sample(name)
    with monkeypatch.context() as alone:
        alone.setattr(samples, "_LAYOUTS", Layouts())
        wanted = read_dataset(directory.parents[1]).read_sample(name)
    library.pop()
    return found, wanted


def check(found, wanted):
    assert (found.pixels.dtype, found.label.dtype) == (wanted.pixels.dtype, wanted.label.dtype)
    np.testing.assert_array_equal(found.pixels, wanted.pixels)
    np.testing.assert_array_equal(found.label, wanted.label)
    assert (found.name, found.dates) == (wanted.name, wanted.dates)


def test_the_first_file_goes_through_the_library_and_the_others_do_not(tmp_path, library, monkeypatch):
    directory = write_dataset(tmp_path, n_samples=6)
    for index in range(6):
        check(*read_both(directory, f"id_{index}", library, monkeypatch))
    assert library == ["id_0"]


def write(directory, name, pixels, label=1, storage=None, days=(None, None), infos=(BLUE, RED)):
    bands = [(info, band, day) for info, band, day in zip(infos, pixels, days, strict=True)]
    write_sample(directory, name, bands, label=label, storage=storage)


PIXELS = np.arange(32, dtype="uint16").reshape(2, 4, 4)
FILL = np.float32(-99)
OTHERS = {
    "another label": {"label": 2},
    "a label of more digits": {"label": 2, "pixels": PIXELS + 300},
    "floats": {"pixels": PIXELS.astype("float32")},
    "big-endian": {"pixels": PIXELS.astype(">u2")},
    "true and false": {"pixels": PIXELS > 7},
    "compressed": {"storage": {"compression": "gzip"}},
    "a declared fill": {"pixels": PIXELS.astype("float32") * 33 + FILL, "storage": {"fillvalue": FILL}},
    "dated": {"days": (date(2020, 1, 2), date(2020, 1, 2))},
    "bands exchanged": {"infos": (RED, BLUE)},
}


@pytest.mark.parametrize("other", OTHERS)
def test_files_that_differ_give_what_the_library_gives_in_any_order(tmp_path, library, monkeypatch, other):
    directory = write_dataset(tmp_path, n_samples=6)
    settings = {"pixels": PIXELS, **OTHERS[other]}
    for name in ("id_1", "id_3", "id_4"):
        write(directory, name, **settings)
    for name in ("id_0", "id_1", "id_2", "id_3", "id_4", "id_0", "id_1"):
        check(*read_both(directory, name, library, monkeypatch))


def test_a_fill_that_is_declared_is_no_data_in_every_file(tmp_path, library, monkeypatch):
    directory = write_dataset(tmp_path, n_samples=6)
    for name, value in (("id_0", 1.0), ("id_1", FILL), ("id_2", FILL)):
        write(directory, name, np.full((2, 4, 4), value, "float32"), storage={"fillvalue": FILL})
    dataset = read_dataset(tmp_path)
    found = [dataset.read_sample(f"id_{index}").pixels for index in range(3)]
    assert [bool(np.isnan(pixels).all()) for pixels in found] == [False, True, True]
    assert library == ["id_0"]


def lengthened(content):
    return content + b"\0"


def reshaped(content):
    """4 x 4 becomes 5 x 4 where the file says so."""
    side = (4).to_bytes(8, "little")
    return content.replace(side + side, (5).to_bytes(8, "little") + side)


@pytest.mark.parametrize("change", [lengthened, reshaped])
def test_a_file_with_one_other_byte_goes_through_the_library(tmp_path, library, change):
    path = write_dataset(tmp_path, n_samples=6) / "id_1.hdf5"
    dataset = read_dataset(tmp_path)
    dataset.read_sample("id_0")
    path.write_bytes(change(path.read_bytes()))
    height = dataset.read_sample("id_1").pixels.shape[1]
    assert (height, library) == (5 if change is reshaped else 4, ["id_0", "id_1"])


def test_a_file_that_was_cut_says_so_whatever_was_read_before(tmp_path, library):
    path = write_dataset(tmp_path, n_samples=6) / "id_1.hdf5"
    dataset = read_dataset(tmp_path)
    dataset.read_sample("id_0")
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(UserError, match=r"toy/id_1.hdf5: .*Download the file again"):
        dataset.read_sample("id_1")


def test_no_more_layouts_are_remembered_than_a_number(tmp_path, library, monkeypatch):
    monkeypatch.setattr(layouts, "MOST", 1)
    directory = write_dataset(tmp_path, n_samples=3)
    write(directory, "id_0", PIXELS.astype("float32"))
    dataset = read_dataset(tmp_path)
    for name in ("id_0", "id_1", "id_2", "id_0"):
        dataset.read_sample(name)
    assert library == ["id_0", "id_1", "id_2"]
