"""Arrays that were damaged, or whose files hold something else by now, never give a wrong value: they are made anew."""

import contextlib
import hashlib
import json
import os
import re
import shutil

import numpy as np
import pytest

import harness.data.arrays
import harness.store.arrays
from geobench_files import BLUE, RED, SUITE, read_dataset, write_dataset, write_sample, write_task
from harness.data.arrays import is_converted, open_arrays
from harness.data.source_files import list_source_files
from harness.errors import UserError
from harness.records.progress import Silent
from harness.store.damage import DamagedError
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


def test_arrays_that_are_damaged_are_made_anew_and_that_is_said(root, cache_dir):
    first = convert(root, cache_dir)
    path = next(cache_dir.rglob("labels.npy"))
    path.write_bytes(path.read_bytes()[:-1])
    log = Log()
    second = convert(root, cache_dir, log)
    assert log.steps == [("converting toy", 6)]
    assert log.notices == [
        "toy: arrays in the cache cannot be used: labels.npy has another size, shape or type than was written. They "
        "are made anew"
    ]
    assert second.content_sha256 == first.content_sha256
    assert is_sound(second, root)


@pytest.mark.parametrize("name", ["labels.npy", "pixels.npy"])
def test_arrays_that_are_damaged_do_not_count_as_converted(root, cache_dir, name):
    """A dry run, which converts nothing, opens what counts."""
    convert(root, cache_dir)
    path = next(cache_dir.rglob(name))
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    assert not is_converted(read_dataset(root), cache_dir)


def is_sound(arrays, root):
    """Whether arrays hold what the files of the dataset do."""
    dataset = read_dataset(root)
    samples = [dataset.read_sample(name) for name in sorted(dataset.samples)]
    pixels = arrays.read(slice(None), range(len(arrays.bands)))
    return np.array_equal(pixels, [sample.pixels for sample in samples]) and np.array_equal(
        arrays.labels, [sample.label for sample in samples]
    )


def entry_of(cache_dir):
    return next(path.parent for path in cache_dir.rglob("manifest.json"))


def flip(path, place):
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def forge(entry, **changes):
    """A manifest with other facts and the right checksum, as another program version could have written it."""
    manifest = json.loads((entry / "manifest.json").read_bytes())["manifest"]
    for name, change in changes.items():
        manifest["facts"][name] = change(manifest["facts"][name])
    text = json.dumps(manifest)
    (entry / "manifest.json").write_text(
        json.dumps({"sha256": hashlib.sha256(text.encode()).hexdigest(), "manifest": manifest})
    )


DAMAGES = {
    "a pixel changed by one bit": lambda entry: flip(entry / "pixels.npy", 200),
    "the last pixel": lambda entry: flip(entry / "pixels.npy", -1),
    "the last label": lambda entry: flip(entry / "labels.npy", -1),
    "a page of zeros": lambda entry: (entry / "pixels.npy").write_bytes(
        (entry / "pixels.npy").read_bytes()[:200] + b"\0" * 184
    ),
    "cut pixels": lambda entry: os.truncate(entry / "pixels.npy", 300),
    "longer pixels": lambda entry: os.truncate(entry / "pixels.npy", 3000),
    "no pixels": lambda entry: (entry / "pixels.npy").unlink(),
    "pixels of another type": lambda entry: np.save(entry / "pixels.npy", np.zeros((6, 2, 4, 4), np.int16)),
    "pixels of another shape": lambda entry: np.save(entry / "pixels.npy", np.zeros((6, 4, 2, 4), np.uint16)),
    "pixels in another memory order": lambda entry: np.save(
        entry / "pixels.npy", np.asfortranarray(np.load(entry / "pixels.npy"))
    ),
    "other pixels of that type and shape": lambda entry: np.save(
        entry / "pixels.npy", np.load(entry / "pixels.npy")[::-1]
    ),
    "labels that are pickles": lambda entry: np.save(
        entry / "labels.npy", np.array([None] * 6, object), allow_pickle=True
    ),
    "a folder in place of the pixels": lambda entry: (
        (entry / "pixels.npy").unlink(),
        (entry / "pixels.npy").mkdir(),
    ),
    "no manifest": lambda entry: (entry / "manifest.json").unlink(),
    "half a manifest": lambda entry: os.truncate(entry / "manifest.json", 300),
    "a changed manifest": lambda entry: (entry / "manifest.json").write_bytes(
        (entry / "manifest.json").read_bytes().replace(b'"id_0"', b'"id_9"', 1)
    ),
    "a deep manifest": lambda entry: (entry / "manifest.json").write_bytes(b"[" * 100_000),
    "a manifest that is a list": lambda entry: (entry / "manifest.json").write_text("[]"),
    "no stamp": lambda entry: (entry / "used").unlink(),
    "samples in another order": lambda entry: forge(entry, sample_sha256=lambda old: dict(reversed(old.items()))),
    "other samples": lambda entry: forge(entry, sample_sha256=lambda old: {f"x{name}": old[name] for name in old}),
    "bands in another order": lambda entry: forge(entry, bands=lambda old: old[::-1]),
    "the entry is a file": lambda entry: (shutil.rmtree(entry), entry.write_text("x")),
    "leftover of the same name": lambda entry: (
        shutil.rmtree(entry),
        entry.with_name(f"{entry.name}.partial").write_text("x"),
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_no_damage_gives_a_wrong_value(root, cache_dir, damage):
    convert(root, cache_dir)
    DAMAGES[damage](entry_of(cache_dir))
    assert is_sound(convert(root, cache_dir), root)


@pytest.mark.parametrize("damage", DAMAGES)
def test_no_damage_to_large_arrays_gives_a_wrong_value(root, cache_dir, damage, monkeypatch):
    """Those are checked as they are read: then reading fails, and the next to open them has them made anew."""
    monkeypatch.setattr(harness.store.arrays, "CHECKED_AT_ONCE", 0)
    convert(root, cache_dir)
    DAMAGES[damage](entry_of(cache_dir))
    with contextlib.suppress(DamagedError):
        assert is_sound(convert(root, cache_dir), root)
    assert is_sound(convert(root, cache_dir), root)


def test_arrays_of_another_dataset_in_this_ones_place_are_not_taken(root, cache_dir):
    write_dataset(root, "other")
    entries = [(convert(root, cache_dir), entry_of(cache_dir))]
    other = open_arrays(read_dataset(root, "other"), cache_dir, Silent())
    theirs = other.pixels._path.parent
    shutil.rmtree(entries[0][1])
    shutil.copytree(theirs, entries[0][1])
    log = Log()
    assert is_sound(convert(root, cache_dir, log), root)
    assert re.search(r"manifest\.json is of arrays/user:data/other-", log.notices[0])


def test_only_rows_that_are_read_are_checked(root, cache_dir, monkeypatch):
    """Reading a few rows of many must not read all."""
    monkeypatch.setattr(harness.store.arrays, "BLOCK_BYTES", 1)
    monkeypatch.setattr(harness.store.arrays, "CHECKED_AT_ONCE", 0)
    convert(root, cache_dir)
    flip(entry_of(cache_dir) / "pixels.npy", -1)
    arrays = convert(root, cache_dir)
    assert arrays.read(slice(0, 5), [0, 1]).shape == (5, 2, 4, 4)
    with pytest.raises(DamagedError, match="rows 5 to 5"):
        arrays.read(np.array([1, 5]), [0])


# Files that changed


def swap_contents(root, keep_times=True):
    """Give id_0 the pixels and label of others, as `rsync -a` of another version of the dataset would."""
    path = toy(root) / "id_0.hdf5"
    before = path.stat()
    pixels = np.full((2, 4, 4), 77, np.uint16)
    write_sample(toy(root), "id_0", [(BLUE, pixels[0], None), (RED, pixels[1], None)], label=2)
    assert path.stat().st_size == before.st_size
    if keep_times:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_a_file_of_the_same_size_and_time_but_another_content_is_noticed(root, cache_dir):
    convert(root, cache_dir)
    swap_contents(root)
    assert not is_converted(read_dataset(root), cache_dir)
    log = Log()
    assert is_sound(convert(root, cache_dir, log), root)
    assert log.notices == [
        "toy: arrays in the cache cannot be used: id_0.hdf5 holds something else than was converted, under the same "
        "size and time. They are made anew"
    ]
    log = Log()
    assert is_sound(convert(root, cache_dir, log), root)
    assert log.steps == []


def test_a_file_that_was_only_touched_is_compared_once_and_not_converted(root, cache_dir):
    convert(root, cache_dir)
    path = toy(root) / "id_3.hdf5"
    os.utime(path, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))  # its ctime is now
    steps = []
    for _ in range(2):
        log = Log()
        convert(root, cache_dir, log)
        steps.append(log.steps)
    assert steps == [[("reading toy again", 1)], []]


def test_verifying_reads_every_file_and_says_what_it_found(root, cache_dir, monkeypatch):
    """As where a file system keeps no time of change: what was seen before the exchange is taken for what is there."""
    convert(root, cache_dir)
    log = Log()
    open_arrays(read_dataset(root), cache_dir, log, verify=True)
    assert (log.steps, log.notices) == ([("reading toy again", 6)], ["toy: all 6 samples are as they were converted"])
    frozen = list_source_files(read_dataset(root))
    monkeypatch.setattr(harness.data.arrays, "list_source_files", lambda dataset: frozen)
    swap_contents(root)
    assert not is_sound(convert(root, cache_dir), root)
    log = Log()
    assert is_sound(open_arrays(read_dataset(root), cache_dir, log, verify=True), root)
    assert log.steps == [("reading toy again", 6), ("reading toy again", 6), ("converting toy", 6)]
    assert "id_0.hdf5 holds something else" in log.notices[0]


def test_files_that_change_while_they_are_converted_are_a_user_error(root, cache_dir):
    class Meddling(Silent):
        def advance(self, units=1):
            swap_contents(root)

    with pytest.raises(UserError, match="toy: its files changed while they were converted"):
        convert(root, cache_dir, Meddling())
    assert [path for path in cache_dir.rglob("*") if path.is_file()] == []


def test_other_classes_or_bands_in_the_specification_are_other_arrays(root, cache_dir):
    convert(root, cache_dir)
    write_task(toy(root), [BLUE])
    assert convert(root, cache_dir).bands == ("02 - Blue",)
