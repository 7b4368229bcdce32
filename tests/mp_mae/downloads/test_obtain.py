"""A dataset is there whole, under its name, or not at all."""

import multiprocessing
import os
import signal
import time
from dataclasses import replace

import pytest
from filelock import FileLock

from mp_mae.downloads.http import Patience
from mp_mae.downloads.obtain import find_unfinished, obtain
from mp_mae.downloads.published import BASE_VARIABLE, PRETRAINING, Published, RemoteFile, address, find
from mp_mae.downloads.watch import Silent
from mp_mae.errors import UserError
from published_place import Fault, Place, zipped

QUICK = Patience(timeout_s=0.3, attempts=2, pause_s=0.01)
ARCHIVE = zipped({"m-toy/task_specs.pkl": "x", "m-toy/id_0.hdf5": os.urandom(50_000)})
ZIPPED = Published(
    name="m-toy",
    what="one archive",
    base="http://127.0.0.1:9",
    files=(RemoteFile(path="suite/m-toy.zip"),),
    folder="suite/m-toy",
    licence="none",
    page="nowhere",
    archive=True,
    holds=("task_specs.pkl",),
)
PARTS = replace(ZIPPED, name="parts", files=(RemoteFile(path="p.{:04d}.bin"),), folder="parts", archive=False, holds=())


@pytest.fixture
def place():
    with Place({"/suite/m-toy.zip": ARCHIVE, "/p.0000.bin": b"zero", "/p.0001.bin": b"one"}) as place:
        yield place


def test_an_archive_is_unpacked_beside_its_place_and_nothing_else_stays(place, tmp_path):
    got = obtain(ZIPPED, tmp_path, place.url, QUICK, Silent())
    assert (got.folder, got.n_bytes) == (tmp_path / "suite" / "m-toy", len(ARCHIVE))
    assert sorted(path.name for path in got.folder.iterdir()) == ["id_0.hdf5", "task_specs.pkl"]
    assert [path.name for path in (tmp_path / "suite").iterdir()] == ["m-toy"]
    assert got.unchecked == ("m-toy.zip",)


def test_what_is_there_is_left_alone(place, tmp_path):
    (tmp_path / "suite" / "m-toy").mkdir(parents=True)
    (tmp_path / "suite" / "m-toy" / "mine").touch()
    assert obtain(ZIPPED, tmp_path, place.url, QUICK, Silent()).n_bytes == 0
    assert place.requests == []


def test_an_interrupted_download_goes_on_and_has_no_name_before_its_end(place, tmp_path):
    place.faults["/suite/m-toy.zip"] = [Fault(), Fault(cut=30_000), Fault(cut=0), Fault(cut=0)]
    with pytest.raises(UserError, match="2 times in a row"):
        obtain(ZIPPED, tmp_path, place.url, QUICK, Silent())
    assert not (tmp_path / "suite" / "m-toy").exists()
    assert find_unfinished(ZIPPED, tmp_path).n_bytes == 30_000
    obtain(ZIPPED, tmp_path, place.url, QUICK, Silent())
    assert place.requests[-1] == ("/suite/m-toy.zip", "bytes=30000-")
    assert find_unfinished(ZIPPED, tmp_path) is None


def test_a_process_that_is_killed_leaves_what_the_next_goes_on_from(place, tmp_path):
    place.faults["/suite/m-toy.zip"] = [Fault(), Fault(stall=20_000)]
    patient = Patience(timeout_s=30)
    killed = multiprocessing.get_context("fork").Process(
        target=obtain, args=(ZIPPED, tmp_path, place.url, patient, Silent())
    )
    killed.start()
    part = tmp_path / "suite" / ".m-toy.download" / "files" / "m-toy.zip.part"
    until = time.monotonic() + 60
    while not (part.exists() and part.stat().st_size) and time.monotonic() < until:
        time.sleep(0.05)
    os.kill(killed.pid, signal.SIGKILL)
    killed.join()
    had = part.stat().st_size
    assert 0 < had <= 20_000
    got = obtain(ZIPPED, tmp_path, place.url, QUICK, Silent())
    assert place.requests[-1] == ("/suite/m-toy.zip", f"bytes={had}-")
    assert (got.folder / "id_0.hdf5").stat().st_size == 50_000


def test_what_a_killed_process_half_unpacked_is_unpacked_anew(place, tmp_path):
    half = tmp_path / "suite" / ".m-toy.download" / "unpacked" / "m-toy"
    half.mkdir(parents=True)
    (half / "id_9.hdf5").touch()
    got = obtain(ZIPPED, tmp_path, place.url, QUICK, Silent())
    assert not (got.folder / "id_9.hdf5").exists()


def test_a_leftover_of_other_files_does_not_come_along(place, tmp_path):
    files = tmp_path / ".parts.download" / "files"
    files.mkdir(parents=True)
    (files / "old.bin.part").write_bytes(b"old")
    got = obtain(PARTS, tmp_path, place.url, QUICK, Silent())
    assert sorted(path.name for path in got.folder.iterdir()) == ["p.0000.bin", "p.0001.bin"]


def test_numbered_files_are_fetched_until_the_place_has_no_more(place, tmp_path):
    got = obtain(PARTS, tmp_path, place.url, QUICK, Silent())
    assert sorted(path.name for path in got.folder.iterdir()) == ["p.0000.bin", "p.0001.bin"]
    assert (got.folder / "p.0001.bin").read_bytes() == b"one"
    del place.files["/p.0000.bin"]
    with pytest.raises(UserError, match=r"p\.0000\.bin: is not there"):
        obtain(PARTS, tmp_path / "other", place.url, QUICK, Silent())
    assert not (tmp_path / "other" / ".parts.download").exists()


def test_a_disk_that_is_too_small_is_told_before_anything_is_fetched(place, tmp_path):
    place.always["/suite/m-toy.zip"] = Fault(headers={"Content-Length": str(10**18)})
    with pytest.raises(UserError, match=r"m-toy: 2,000,000,000\.00 GB are still to be written.* GB free.*--out"):
        obtain(ZIPPED, tmp_path / "new" / "root", place.url, QUICK, Silent())
    assert len(place.requests) == 1
    assert list(tmp_path.iterdir()) == []  # folders of a download that never began


def test_a_folder_that_was_there_stays_though_it_is_empty(place, tmp_path):
    (tmp_path / "suite").mkdir()
    with pytest.raises(UserError):
        obtain(ZIPPED, tmp_path, f"{place.url}/nowhere", QUICK, Silent())
    assert (tmp_path / "suite").is_dir()


def test_an_archive_that_unpacks_to_more_than_the_disk_has_is_kept_packed(place, tmp_path, monkeypatch):
    rooms = iter([10**9, 1000])
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": next(rooms)}))
    with pytest.raises(UserError, match="Make room"):
        obtain(ZIPPED, tmp_path, place.url, QUICK, Silent())
    assert find_unfinished(ZIPPED, tmp_path).n_bytes == len(ARCHIVE)
    assert not (tmp_path / "suite" / "m-toy").exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (zipped({"../x": "bad"}), "is no name"),
        (b"no archive", "no archive"),
        (zipped({"m/a": ""}), "holds no task_specs"),
    ],
)
def test_a_bad_archive_is_removed_and_nothing_of_it_gets_the_name(place, tmp_path, content, words):
    place.files["/suite/m-toy.zip"] = content
    with pytest.raises(UserError, match=rf"m-toy: .*{words}.*It was removed"):
        obtain(ZIPPED, tmp_path, place.url, QUICK, Silent())
    assert not (tmp_path / "suite" / "m-toy").exists()
    place.files["/suite/m-toy.zip"] = ARCHIVE
    assert obtain(ZIPPED, tmp_path, place.url, QUICK, Silent()).n_bytes == len(ARCHIVE)


def test_two_processes_never_write_one_download(place, tmp_path):
    staging = tmp_path / "suite" / ".m-toy.download"
    staging.mkdir(parents=True)
    with FileLock(staging / "lock"), pytest.raises(UserError, match="another process"):
        obtain(ZIPPED, tmp_path, place.url, QUICK, Silent())
    assert place.requests == []


def test_the_address_is_given_or_the_environments_or_the_published_one(monkeypatch):
    hub = replace(ZIPPED, base="hub:datasets/a/b/resolve/main")
    monkeypatch.delenv("HF_ENDPOINT", raising=False)
    assert address(hub, None) == "https://huggingface.co/datasets/a/b/resolve/main"
    monkeypatch.setenv("HF_ENDPOINT", "http://mirror/")
    assert address(hub, None) == "http://mirror/datasets/a/b/resolve/main"
    monkeypatch.setenv(BASE_VARIABLE, "http://ours/files/")
    assert address(hub, None) == "http://ours/files"
    assert address(hub, "http://given") == "http://given"


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(UserError, match=r"called 'mmearth46'. Is it mmearth64 .*docs/downloads.md"):
        find(["mmearth46"], PRETRAINING)


def test_names_are_those_of_the_published_files():
    """As the makers' own scripts and README name them."""
    small = PRETRAINING["mmearth100k"]
    assert [f"{address(small, 'x')}/{file.path}" for file in small.files] == [
        "x/data_100k_v001_band_stats.json",
        "x/data_100k_v001_splits.json",
        "x/data_100k_v001_tile_info.json",
        "x/data_100k_v001.h5",
    ]
    weights = PRETRAINING["pt-all_mod_atto_1M_64_uncertainty_56-8"]
    assert weights.base == "https://sid.erda.dk/share_redirect/g23YOnaaTp"
    assert weights.files[0].path == "pt-all_mod_atto_1M_64_uncertainty_56-8/checkpoint-199.pth"
