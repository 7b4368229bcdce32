"""Samples that read other files, or ask for more than a sample may, are refused in one line and at once."""

import os
import pickle
import time
import zlib
from pathlib import Path

import h5py
import numpy as np
import pytest

from geobench_files import BLUE, RED, dump, read_dataset, write_dataset, write_sample, write_task
from harness.data.files.budgets import DESCRIPTION_CHARACTERS
from harness.errors import UserError

KEY = "02 - Blue"
ELSEWHERE = "Get the file again from where it is published"


@pytest.fixture
def path(tmp_path):
    return write_dataset(tmp_path, n_samples=2) / "id_0.hdf5"


def refused(path: Path, said: str) -> None:
    started = time.perf_counter()
    with pytest.raises(UserError, match=said) as caught:
        read_dataset(path.parents[2]).read_sample("id_0")
    assert str(caught.value).startswith("toy/id_0.hdf5: ")
    assert "\n" not in str(caught.value)
    assert time.perf_counter() - started < 5


def replace(path: Path, **stored) -> None:
    with h5py.File(path, "a") as file:
        del file[KEY]
        file.create_dataset(KEY, **stored)


def put(path: Path, link) -> None:
    with h5py.File(path, "a") as file:
        del file[KEY]
        file[KEY] = link


@pytest.mark.parametrize("target", ["secret", "pipe", "/dev/zero"])
def test_external_storage_is_refused_whatever_it_names(path, tmp_path, target):
    (tmp_path / "secret").write_bytes(b"nobody else's business" * 10)
    os.mkfifo(tmp_path / "pipe")
    replace(path, shape=(4, 4), dtype="u1", external=[(str(tmp_path / target), 0, h5py.h5f.UNLIMITED)])
    refused(path, f"{KEY} takes its values from another file. {ELSEWHERE}")


def test_a_virtual_dataset_is_refused(path, tmp_path):
    with h5py.File(tmp_path / "other.hdf5", "w") as other:
        other["x"] = np.ones((4, 4), "u2")
    layout = h5py.VirtualLayout((4, 4), "u2")
    layout[:] = h5py.VirtualSource(str(tmp_path / "other.hdf5"), "x", (4, 4))
    with h5py.File(path, "a") as file:
        del file[KEY]
        file.create_virtual_dataset(KEY, layout)
    refused(path, f"{KEY} takes its values from another file. {ELSEWHERE}")


def test_links_are_refused_whatever_they_name(path, tmp_path):
    with h5py.File(tmp_path / "other.hdf5", "w") as other:
        other["x"] = np.ones((4, 4), "u2")
    os.mkfifo(tmp_path / "pipe")
    for link in (
        h5py.ExternalLink(str(tmp_path / "other.hdf5"), "x"),
        h5py.ExternalLink(str(tmp_path / "pipe"), "x"),
        h5py.SoftLink("/04 - Red"),
        h5py.SoftLink(f"/{KEY}"),
    ):
        put(path, link)
        refused(path, f"{KEY} is a link to another place. {ELSEWHERE}")


def test_a_band_in_a_group_could_be_behind_a_link_and_is_refused(path, tmp_path):
    deep = dump({"bands_order": ["a/b"], "a/b": {"band_info": BLUE, "date": None}})
    write_task(path.parent, [BLUE])
    with h5py.File(path, "a") as file:
        file["a"] = h5py.ExternalLink("other.hdf5", "x")
        file.attrs["pickle"] = str(deep)
    refused(path, "a/b is a link to another place")


@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir], ids=["pipe", "directory"])
def test_a_sample_that_is_no_regular_file_is_refused_without_waiting(path, make):
    path.unlink()
    make(path)
    refused(path, "a regular file is wanted, a (named pipe|directory) found")


TOO_LARGE = r"its 2 bands and masks take \d+ bytes; at most 268435456 are read"


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        ({"shape": (2**14, 2**14), "dtype": "f8"}, TOO_LARGE),
        ({"shape": (2**14, 2**14), "dtype": "u1"}, TOO_LARGE),  # with a small band to resample to it
        ({"shape": (2**62, 4), "dtype": "u1", "chunks": (100, 4)}, TOO_LARGE),
        ({"shape": (4, 4), "dtype": "u1", "chunks": (2**15, 2**15), "maxshape": (None, None)}, TOO_LARGE),
        ({"shape": (4, 4), "dtype": "u2", "chunks": (4, 4)}, "was never written to its end"),
        ({"shape": (4, 4), "dtype": "u2"}, "was never written to its end"),
        ({"shape": (4, 4), "dtype": h5py.string_dtype()}, "numbers in two dimensions are wanted"),
        ({"shape": (4, 4), "dtype": h5py.ref_dtype}, "numbers in two dimensions are wanted"),
        ({"shape": (4, 4), "dtype": np.longdouble}, "numbers in two dimensions are wanted"),
    ],
    ids=["f8", "resampled", "2^62", "one-chunk", "no-chunk", "no-value", "text", "reference", "long-double"],
)
def test_a_band_that_declares_what_it_does_not_hold_is_refused(path, stored, said):
    replace(path, **stored)
    refused(path, said)


def test_zeros_that_gzip_made_a_thousandth_of_are_refused(path):
    packed = zlib.compress(bytes(2**20))
    with h5py.File(path, "a") as file:
        del file[KEY]
        band = file.create_dataset(KEY, (2**14, 2**14), "u1", chunks=(2**10, 2**10), compression="gzip")
        for row in range(0, 2**14, 2**10):
            for column in range(0, 2**14, 2**10):
                band.id.write_direct_chunk((row, column), packed)
    assert path.stat().st_size < 500_000
    refused(path, TOO_LARGE)


def test_a_chunk_in_more_bytes_than_it_has_is_not_unpacked(path):
    with h5py.File(path, "a") as file:
        del file[KEY]
        band = file.create_dataset(KEY, (4, 4), "u1", chunks=(4, 4), compression="gzip")
        band.id.write_direct_chunk((0, 0), zlib.compress(bytes(2**20)))
    refused(path, "is packed into more bytes than it has")


def test_half_precision_is_read_or_refused_and_never_a_traceback(path):
    replace(path, data=np.ones((2, 2), "f2"))
    refused(path, "cannot be read")  # it would have to be resampled in this type


@pytest.mark.parametrize(
    "text",
    [
        "b'" + "a" * (DESCRIPTION_CHARACTERS + 1) + "'",
        "[" * 100_000 + "]" * 100_000,
        "not " * 100_000 + "1",
        "b'a' " * 100_000,
        "9" * 1_000_000,
        "b'a\\x0'",
        "b'a' + b'b'",
        "b'ü'",
    ],
    ids=["long", "lists", "not", "joined", "number", "escape", "sum", "letter"],
)
def test_a_description_that_is_not_one_literal_of_bytes_is_refused_unparsed(path, text):
    with h5py.File(path, "r+", libver="latest") as file:
        del file.attrs["pickle"]
        file.attrs["pickle"] = text
    refused(path, r"its description \(HDF5 attribute `pickle`\) is damaged")


def test_an_attribute_of_a_thousand_texts_is_no_description(path):
    with h5py.File(path, "r+") as file:
        del file.attrs["pickle"]
        file.attrs.create("pickle", np.zeros(1000, "S1"))
    refused(path, "has no description")


def test_a_label_of_hundreds_of_digits_is_refused(path):
    pixels = np.ones((4, 4), "u2")
    write_sample(path.parent, "id_0", [(BLUE, pixels, None), (RED, pixels, None)], label=2**2030)
    refused(path, "its label of 2031 bits is none of the classes 0 to 2")


def test_more_bands_than_a_sample_can_have_are_refused(path):
    with h5py.File(path, "r+") as file:
        file.attrs["pickle"] = str(pickle.dumps({"bands_order": ["x"] * 10_001}))
    refused(path, "its order of bands is damaged")
