"""A dataset as memory-mapped arrays: converted once, whole or not at all, and recognised by its content."""

import multiprocessing
import os
import resource
import shutil
import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import harness.data.reading
from geobench_files import (
    BLUE,
    RED,
    SUITE,
    read_dataset,
    write_dataset,
    write_partition,
    write_sample,
)
from harness.data.arrays import ArrayCache, is_converted, open_arrays
from harness.data.suites import discover
from harness.errors import UserError
from harness.records.progress import Silent
from recorded_progress import Log


@pytest.fixture
def root(tmp_path):
    write_dataset(tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture
def cache_dir(tmp_path):
    return tmp_path / "cache"


def toy(root):
    return root / SUITE / "toy"


def convert(root, cache_dir, progress=None):
    return open_arrays(read_dataset(root), cache_dir, progress or Silent())


def left_behind(cache_dir):
    return sorted(path.name for path in (cache_dir / "arrays" / "user:data").glob("*"))


# What the arrays hold


def test_arrays_hold_what_the_files_hold_in_the_order_of_their_names(root, cache_dir):
    write_sample(
        toy(root), "id_9", [(BLUE, np.full((4, 4), 1, np.uint16), None), (RED, np.zeros((4, 4), np.uint16), None)]
    )
    dataset, log = read_dataset(root), Log()
    arrays = open_arrays(dataset, cache_dir, log)
    assert arrays.samples == ("id_0", "id_1", "id_2", "id_3", "id_4", "id_5", "id_9")
    assert arrays.bands == ("02 - Blue", "04 - Red")
    assert (arrays.pixels.dtype, arrays.pixels.shape, arrays.labels.dtype) == (np.uint16, (7, 2, 4, 4), np.int64)
    for row, name in enumerate(arrays.samples):
        sample = dataset.read_sample(name)
        np.testing.assert_array_equal(arrays.pixels[row], sample.pixels)
        assert arrays.labels[row] == sample.label
    assert (log.steps, log.units) == ([("converting toy", 7)], 7)
    assert arrays.rows(["id_3", "id_0", "id_9"]).tolist() == [3, 0, 6]


def test_two_processes_write_the_same_arrays_and_meet_the_same_error(root, tmp_path, monkeypatch):
    monkeypatch.setattr(harness.data.reading, "WORTH_A_CHILD", 2)
    monkeypatch.setattr(harness.data.reading, "PORTION", 2)
    one, two = (open_arrays(read_dataset(root), tmp_path / str(n), Silent(), workers=n) for n in (1, 2))
    assert one.samples == two.samples
    assert one.content_sha256 == two.content_sha256
    np.testing.assert_array_equal(one.pixels, two.pixels)
    (toy(root) / "id_1.hdf5").write_bytes(b"cut off")
    for n in (1, 2):
        with pytest.raises(UserError, match=r"toy/id_1\.hdf5: cannot be read"):
            open_arrays(read_dataset(root), tmp_path / f"bad{n}", Silent(), workers=n)


def test_a_reader_that_dies_is_told_and_leaves_nothing(root, cache_dir, monkeypatch):
    monkeypatch.setattr(harness.data.reading, "COMMAND", ("-c", "import os; os.abort()"))
    harness.data.reading._readers().stop()
    with pytest.raises(UserError, match=r"toy/id_0\.hdf5: the process that read it was ended \(SIGABRT\).*--workers 1"):
        open_arrays(read_dataset(root), cache_dir, Silent())
    assert left_behind(cache_dir) == []


def test_masks_and_vectors_come_out_whole(any_patches, cache_dir):
    for ref, dtype in zip(discover(any_patches), (np.float32, np.int16), strict=True):
        dataset = read_dataset(any_patches, ref.name)
        arrays = open_arrays(dataset, cache_dir, Silent())
        assert (arrays.pixels.dtype, len(arrays.labels), arrays.labels.dtype) == (dtype, 9, np.uint8)
        for row, name in enumerate(arrays.samples):
            np.testing.assert_array_equal(arrays.pixels[row], dataset.read_sample(name).pixels)
            np.testing.assert_array_equal(arrays.labels[row], dataset.read_sample(name).label)
        assert arrays.n_nonfinite == {}


def test_a_bad_default_partition_leaves_the_others_usable(root, cache_dir):
    write_partition(toy(root), "default", train=["gone"], valid=["id_0"], test=["id_1"])
    assert convert(root, cache_dir).samples == tuple(f"id_{index}" for index in range(6))


def test_samples_of_another_type_widen_the_arrays_without_loss(root, cache_dir):
    fine = np.full((4, 4), 0.25, np.float32)
    write_sample(toy(root), "id_1", [(BLUE, fine, None), (RED, fine, None)])
    dataset = read_dataset(root)
    arrays = open_arrays(dataset, cache_dir, Silent())
    assert arrays.pixels.dtype == np.float32
    for name in arrays.samples:
        np.testing.assert_array_equal(arrays.pixels[arrays.rows([name])[0]], dataset.read_sample(name).pixels)


def test_nonfinite_pixels_are_kept_counted_and_told_each_time(tmp_path, cache_dir):
    directory = write_dataset(tmp_path, dtype="float32")
    holes = np.ones((2, 4, 4), np.float32)
    holes[1, 0, :3] = np.nan, np.inf, -np.inf
    for name in ("id_5", "id_0"):
        write_sample(directory, name, [(BLUE, holes[0], None), (RED, holes[1], None)])
    for _ in range(2):
        log = Log()
        arrays = convert(tmp_path, cache_dir, log)
        assert arrays.n_nonfinite == {"04 - Red": 6}
        assert log.notices == [
            "toy: 6 pixels in 2 of 6 samples have no data (NaN, infinite, beyond 10^15, or the value declared for it), "
            'first in sample id_0, band "04 - Red"; a backbone sees the band\'s mean there'
        ]
    np.testing.assert_array_equal(arrays.pixels[arrays.rows(["id_0"])[0]], holes)


@pytest.mark.parametrize("name", ["id_0", "id_3"])
def test_samples_of_another_size_are_refused(root, cache_dir, name):
    pixels = np.zeros((5, 5), np.uint16)
    write_sample(toy(root), name, [(BLUE, pixels, None), (RED, pixels, None)])
    with pytest.raises(UserError, match=r"^toy/id_\d\.hdf5: is 2 x \d x \d .*, the samples before it are 2 x \d x \d"):
        convert(root, cache_dir)


def test_a_sample_that_came_later_is_a_user_error(root, cache_dir):
    with pytest.raises(UserError, match="toy: sample id_9 came after the dataset was converted"):
        convert(root, cache_dir).rows(["id_0", "id_9"])


def test_a_dataset_without_samples_is_a_user_error(root, cache_dir):
    for path in toy(root).glob("*.hdf5"):
        path.unlink()
    with pytest.raises(UserError, match="toy: holds no sample"):
        convert(root, cache_dir)


# Reading


def arrays_of(pixels):
    return ArrayCache(
        dataset="toy",
        sample_sha256=dict.fromkeys(map(str, range(len(pixels))), ""),
        bands=tuple(map(str, range(pixels.shape[1]))),
        pixels=pixels,
        labels=np.zeros(len(pixels), np.int64),
        n_nonfinite={},
        n_nonfinite_samples=0,
        first_nonfinite_sample=None,
        first_nonfinite_band=None,
    )


CUBE = np.arange(6 * 5 * 2 * 3, dtype=np.uint16).reshape(6, 5, 2, 3)


@settings(deadline=None, derandomize=True)
@given(st.lists(st.integers(0, 5), max_size=8), st.lists(st.integers(0, 4), max_size=7))
def test_reading_gives_any_rows_and_channels_in_the_order_asked_for(rows, channels):
    found = arrays_of(CUBE).read(np.array(rows, np.int64), channels)
    np.testing.assert_array_equal(found, CUBE[np.ix_(rows, channels)] if rows and channels else found)
    assert found.shape == (len(rows), len(channels), 2, 3)
    assert found.dtype == np.uint16


@pytest.mark.parametrize(
    "rows", [slice(2, 5), slice(None), slice(4, 100), slice(5, 5), slice(0, 6, 2), slice(None, None, -1)]
)
def test_reading_takes_slices(rows):
    np.testing.assert_array_equal(arrays_of(CUBE).read(rows, [0, 1, 3]), CUBE[rows][:, [0, 1, 3]])


@pytest.mark.parametrize(("rows", "channels"), [([6], [0]), ([0], [5]), ([-1], [0]), ([4, 5, 6], [0])])
def test_reading_beyond_the_arrays_is_never_silent(rows, channels):
    with pytest.raises((ValueError, IndexError)):
        arrays_of(CUBE).read(np.array(rows), channels)


def test_a_batch_is_the_callers_own_and_the_arrays_are_read_only(root, cache_dir):
    arrays = convert(root, cache_dir)
    before = np.array(arrays.pixels)
    arrays.read(slice(0, 6), [0, 1])[:] = 0
    np.testing.assert_array_equal(arrays.pixels, before)
    for rows in (0, slice(0, 2)):
        with pytest.raises(ValueError, match="read-only"):
            arrays.pixels[rows][:] = 0


# Fingerprint


def test_the_digest_is_of_the_content_and_of_nothing_else(root, tmp_path, cache_dir):
    first = convert(root, cache_dir)
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(root, elsewhere)
    for path in toy(elsewhere).iterdir():
        os.utime(path, (1, 1))
    write_partition(toy(elsewhere), "default", train=["id_0", "id_5"], valid=["id_1"], test=["id_2"])
    write_partition(toy(elsewhere), "0.01x_train", train=["id_0"], valid=["id_1"], test=["id_2"])
    toy(elsewhere).rename(elsewhere / SUITE / "renamed")
    other = open_arrays(read_dataset(elsewhere, "renamed"), tmp_path / "other cache", Silent())
    assert other.content_sha256 == first.content_sha256


def test_each_sample_has_a_digest_of_its_own_pixels_and_label(root, tmp_path):
    before = convert(root, tmp_path / "before").sample_sha256
    pixels = read_dataset(root).read_sample("id_2").pixels
    write_sample(toy(root), "id_2", [(BLUE, pixels[0], None), (RED, pixels[1], None)], label=1)
    after = convert(root, tmp_path / "after").sample_sha256
    assert list(after) == [f"id_{index}" for index in range(6)]
    assert [name for name in after if after[name] != before[name]] == ["id_2"]


def test_content_is_of_the_rows_in_their_order(root, cache_dir):
    """Features are stored row by row: the same samples in another order would be other features."""
    arrays = convert(root, cache_dir)
    turned = replace(arrays, sample_sha256=dict(reversed(arrays.sample_sha256.items())))
    assert turned.content_sha256 != arrays.content_sha256
    assert replace(arrays, bands=arrays.bands[::-1]).content_sha256 != arrays.content_sha256


def test_the_digest_changes_with_pixels_labels_and_samples(root, tmp_path):
    pixels = read_dataset(root).read_sample("id_0").pixels
    changed = pixels.copy()
    changed[1, 3, 3] += 1

    def sample(name, values, label):
        return lambda directory: write_sample(
            directory, name, [(BLUE, values[0], None), (RED, values[1], None)], label=label
        )

    changes = [
        lambda directory: None,
        sample("id_0", changed, 0),
        sample("id_0", pixels, 1),
        sample("id_0", pixels.astype(np.int16), 0),
        sample("id_9", pixels, 0),
    ]
    digests = []
    for index, change in enumerate(changes):
        copy = tmp_path / f"copy {index}"
        shutil.copytree(root, copy)
        change(toy(copy))
        digests.append(convert(copy, tmp_path / "cache").content_sha256)
    assert len(set(digests)) == len(changes)


# Kept and made anew


def test_the_second_opening_converts_nothing(root, cache_dir):
    assert not is_converted(read_dataset(root), cache_dir)
    first = convert(root, cache_dir)
    assert is_converted(read_dataset(root), cache_dir)
    log = Log()
    assert convert(root, cache_dir, log).content_sha256 == first.content_sha256
    assert log.steps == []


def test_a_changed_file_is_converted_again(root, cache_dir):
    first = convert(root, cache_dir)
    pixels = np.zeros((4, 4), np.uint16)
    write_sample(toy(root), "id_0", [(BLUE, pixels, None), (RED, pixels, None)])
    second = convert(root, cache_dir)
    assert second.content_sha256 != first.content_sha256
    assert not second.pixels[second.rows(["id_0"])].any()


# Where it cannot be stored


def test_a_directory_that_cannot_be_written_is_named_with_the_option(root, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(
        UserError, match=r"file/cache: cannot store the arrays of toy \(Not a directory\)\. Pass --cache-dir"
    ):
        convert(root, tmp_path / "file" / "cache")


def test_a_full_disk_leaves_nothing_half_written(root, cache_dir):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200, hard))  # Python ignores the signal, so writing raises OSError
    try:
        with pytest.raises(UserError, match=r"cannot store the arrays of toy \(File too large\)"):
            convert(root, cache_dir)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert left_behind(cache_dir) == []


def test_a_bad_file_leaves_nothing_half_written_and_is_named(root, cache_dir):
    path = toy(root) / "id_1.hdf5"
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(UserError, match=r"^toy/id_1\.hdf5: cannot be read"):
        convert(root, cache_dir)
    assert left_behind(cache_dir) == []


# Several at once


def test_threads_that_start_together_share_one_conversion(root, cache_dir):
    logs = [Log() for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        arrays = list(pool.map(lambda log: convert(root, cache_dir, log), logs))
    assert sum(len(log.steps) for log in logs) == 1
    assert len({found.content_sha256 for found in arrays}) == 1
    assert len(left_behind(cache_dir)) == 1


class Killed(Silent):
    """Dies as a process does when the machine takes it: without a word, in the middle."""

    def advance(self, units=1):
        os.kill(os.getpid(), signal.SIGKILL)


def convert_or_die(root, cache_dir, dies, conversions):
    log = Killed() if dies else Log()
    convert(root, cache_dir, log)
    conversions.put(len(log.steps))


def test_processes_share_one_conversion_even_after_one_was_killed_in_the_middle(root, cache_dir):
    spawn = multiprocessing.get_context("spawn")
    conversions = spawn.Queue()
    killed = spawn.Process(target=convert_or_die, args=(root, cache_dir, True, conversions))
    killed.start()
    killed.join(60)
    assert killed.exitcode == -signal.SIGKILL
    assert any(name.endswith(".partial") for name in left_behind(cache_dir))
    workers = [spawn.Process(target=convert_or_die, args=(root, cache_dir, False, conversions)) for _ in range(2)]
    for worker in workers:
        worker.start()
    assert sorted(conversions.get(timeout=60) for _ in workers) == [0, 1]
    for worker in workers:
        worker.join(60)
    assert not any(name.endswith(".partial") for name in left_behind(cache_dir))
    assert len(convert(root, cache_dir).samples) == 6
