"""A file that hangs or crashes its reader, or takes too much, ends the reader and is named."""

import errno
import os
import subprocess
import sys
import time
import zlib

import h5py
import numpy as np
import pytest

from geobench_files import read_dataset, write_dataset
from harness.data import reading
from harness.data.convert import convert, differing_samples
from harness.errors import UserError
from harness.records.progress import Silent
from harness.store.entry import EntryWriter
from harness.store.kinds import ARRAYS, Place
from harness.store.room import Room

BROKEN = """
import os, signal, time
import numpy as np
from harness.data import reading_child
from harness.data.sources.geobench.dataset import GeoBenchDataset
whole = GeoBenchDataset.read_sample
def read_sample(self, name):
    if name == "id_2":
        {what}
    return whole(self, name)
GeoBenchDataset.read_sample = read_sample
reading_child.READ_SECONDS = 2
reading_child.main()
"""

LITTLE_MEMORY = """
import resource
from harness.data import reading_child
resource.setrlimit(resource.RLIMIT_DATA, (reading_child.READ_MEMORY,) * 2)
reading_child.main()
"""


@pytest.fixture
def dataset(tmp_path):
    write_dataset(tmp_path)
    return read_dataset(tmp_path)


@pytest.fixture
def break_reader(monkeypatch):
    """Children that do something else when they come to id_2."""

    def use(what: str) -> None:
        reading._readers().stop()
        monkeypatch.setattr(reading, "COMMAND", ("-c", BROKEN.format(what=what)))

    yield use
    reading._readers().stop()


def read(dataset, names=("id_0", "id_1", "id_2", "id_3")):
    return list(reading.read_samples(dataset, names, workers=1))


def test_samples_come_as_they_are_in_the_order_asked_for(dataset, monkeypatch):
    monkeypatch.setattr(reading, "PORTION", 1)
    monkeypatch.setattr(reading, "WORTH_A_CHILD", 1)
    names = [f"id_{i}" for i in (3, 0, 5, 1, 4, 2)]
    for workers in (1, 2):
        found = list(reading.read_samples(dataset, names, workers))
        assert [sample.name for sample in found] == names
        for sample in found:
            wanted = dataset.read_sample(sample.name)
            np.testing.assert_array_equal(sample.pixels, wanted.pixels)
            assert (sample.label, sample.dates) == (wanted.label, wanted.dates)


def test_a_file_that_never_ends_is_given_up_and_named(dataset, break_reader):
    break_reader("while True: pass")
    with pytest.raises(UserError, match=r"^toy/id_2\.hdf5: reading it took more than 30 seconds: the file is damaged"):
        read(dataset)


def test_a_file_that_crashes_its_reader_is_named_and_the_next_dataset_is_read(dataset, break_reader):
    break_reader("os.kill(os.getpid(), signal.SIGSEGV)")
    with pytest.raises(UserError, match=r"^toy/id_2\.hdf5: the process that read it was ended \(SIGSEGV\)"):
        read(dataset)
    assert [sample.name for sample in read(dataset, ["id_0", "id_1"])] == ["id_0", "id_1"]


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="the system does not count memory")
def test_a_file_that_takes_more_memory_than_a_sample_may_is_named(dataset, break_reader):
    break_reader("large = np.ones(3 * 2**30, np.uint8)")
    with pytest.raises(Exception, match=r"Unable to allocate 3\.00 GiB"):  # of NumPy, and `read_sample` would tell it
        read(dataset)


@pytest.mark.slow
def test_a_chunk_that_unpacks_to_more_than_it_says_costs_no_more_than_a_reader_may_take(dataset):
    """HDF5 unpacks a chunk to its end, whatever its size should be: here 4 GiB instead of 4 MiB."""
    packer = zlib.compressobj(9)
    block = packer.compress(bytes(2**26)) + packer.flush(zlib.Z_FULL_FLUSH)
    header, block = block[:2], block[2:]
    with h5py.File(dataset.directory / "id_2.hdf5", "a") as file:
        del file["02 - Blue"]
        band = file.create_dataset(
            "02 - Blue", (4, 4), "u1", chunks=(2048, 2048), maxshape=(None, None), compression="gzip"
        )
        band.id.write_direct_chunk((0, 0), header + block * 64)
    with pytest.raises(UserError, match=r"^toy/id_2\.hdf5: (cannot be read|takes more memory)"):
        read(dataset)


def test_a_wait_is_no_reason_to_give_up(dataset, break_reader):
    break_reader("time.sleep(0.5)")
    assert len(read(dataset)) == 4


def test_a_caller_that_stops_early_leaves_no_answers_to_the_next(dataset):
    samples = reading.read_samples(dataset, ["id_0", "id_1"], workers=1)
    next(samples)
    samples.close()
    assert [sample.name for sample in read(dataset)] == ["id_0", "id_1", "id_2", "id_3"]


def test_a_caller_that_neither_ends_nor_closes_leaves_no_answers_to_the_next(dataset, monkeypatch):
    monkeypatch.setattr(reading, "PORTION", 1)
    samples = reading.read_samples(dataset, ["id_0", "id_1"], workers=1)
    next(samples)
    assert [sample.name for sample in read(dataset)] == ["id_0", "id_1", "id_2", "id_3"]
    assert next(samples).name == "id_1"


def test_two_that_read_by_turns_get_their_own_samples(dataset, monkeypatch):
    monkeypatch.setattr(reading, "PORTION", 1)
    names = [f"id_{i}" for i in range(6)]
    readers = [reading.read_samples(dataset, order, 1) for order in (names, names[::-1])]
    found = list(zip(*readers, strict=True))
    assert [tuple(sample.name for sample in pair) for pair in found] == list(zip(names, names[::-1], strict=True))


def test_a_sample_under_the_name_of_another_is_refused(dataset, break_reader):
    break_reader("name = 'id_3'")
    with pytest.raises(RuntimeError, match="a reader sent samples"):
        read(dataset)


def room(cache_dir, progress):
    return Room(Place(cache_dir=cache_dir, kind=ARRAYS, key="suite/toy", title="toy"), progress)


@pytest.mark.parametrize(
    "work",
    [
        lambda dataset, folder, full: convert(dataset, {}, EntryWriter(folder, room(folder, full)), full),
        lambda dataset, folder, full: differing_samples(dataset, ["id_0", "id_1"], {"id_0": "", "id_1": ""}, full),
    ],
    ids=["converting", "comparing"],
)
def test_a_dataset_that_failed_keeps_no_child_though_its_error_is_kept(dataset, tmp_path, work):
    """The error of a full disk keeps the frames of the conversion, and with them whatever reads for it."""

    class Full(Silent):
        def advance(self, units=1):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(OSError, match="No space left") as kept:
        work(dataset, tmp_path, Full())
    assert not reading._readers()._lent, kept


def test_a_child_may_have_less_memory_than_a_sample_may_take(dataset, break_reader, monkeypatch):
    """As under `ulimit -d`: the limit of its process cannot be raised."""
    break_reader("pass")
    monkeypatch.setattr(reading, "COMMAND", ("-c", LITTLE_MEMORY))
    assert len(read(dataset)) == 4


def test_a_mistake_of_ours_comes_with_its_traceback(dataset, break_reader):
    break_reader("1 / 0")
    with pytest.raises(ZeroDivisionError) as caught:
        read(dataset)
    assert "in read_sample" in caught.value.__notes__[0]


def test_readers_end_when_their_process_is_killed(dataset):
    code = f"""
import os, signal
from pathlib import Path
from geobench_files import read_dataset
from harness.data import reading
dataset = read_dataset(Path({str(dataset.directory.parents[1])!r}))
list(reading.read_samples(dataset, ["id_0"], 1))
print(reading._readers()._idle[0]._process.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    places = os.pathsep.join(sys.path)
    killed = subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, env=os.environ | {"PYTHONPATH": places}
    )
    assert killed.stdout, killed.stderr
    child = int(killed.stdout)
    deadline = time.monotonic() + 10
    while _is_running(child) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _is_running(child)


def _is_running(process: int) -> bool:
    try:
        with open(f"/proc/{process}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
