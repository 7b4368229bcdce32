"""`data download`, `data list` and `data verify`, as they are typed."""

import hashlib
import json
import stat
from pathlib import Path

import h5py
import numpy as np
import pytest

from command_line import harness
from described_mmearth import write_described
from geobench_files import write_dataset
from harness.data.downloads.places import DOWNLOADS, place_of
from harness.data.sources import SOURCES
from published_place import Fault, Place, zipped

HUB_PATH = "/datasets/recursix/geo-bench-1.0/resolve/main/classification_v1.0/m-eurosat.zip"


def packed_dataset(folder: Path) -> bytes:
    """A dataset as GEO-Bench has one in a zip: `default` is a link that spells a folder of another machine."""
    directory = write_dataset(folder, "m-eurosat")
    default = directory / "default_partition.json"
    train = json.loads(default.read_text())["train"]
    statistics = json.loads((directory / "band_stats.json").read_text())
    for band in statistics:
        values = np.stack([h5py.File(directory / f"{name}.hdf5")[band][:] for name in train])
        statistics[band] |= {"mean": float(values.mean()), "std": float(values.std())}
    (directory / "band_stats.json").write_text(json.dumps(statistics))
    default.rename(directory / "1.00x_train_partition.json")
    files = {f"m-eurosat/{path.name}": path.read_bytes() for path in sorted(directory.iterdir())}
    files["m-eurosat/default_partition.json"] = b"/mnt/data/m-eurosat/1.00x_train_partition.json"
    return zipped(files, m_eurosat_default_partition_json=stat.S_IFLNK | 0o777)


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    return packed_dataset(tmp_path_factory.mktemp("packed"))


@pytest.fixture
def place(archive):
    with Place({"/classification_v1.0/m-eurosat.zip": archive}) as place:
        yield place


def test_a_dataset_is_downloaded_listed_verified_and_then_broken(place, tmp_path):
    root = tmp_path / "root"
    done = harness("data", "download", "m-eurosat", "--out", root, "--base-url", place.url, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"m-eurosat: {root}/classification_v1.0/m-eurosat (0.0 MB fetched; no checksum is ")
    listed = harness("data", "list", "--geobench-dir", root, "--format", "json", cwd=tmp_path)
    (row,) = json.loads(listed.stdout)
    assert (row["dataset"], row["images"], row["task"], row["state"]) == ("m-eurosat", 6, "single_label", "complete")
    assert row["bytes"] == sum(path.stat().st_size for path in (root / "classification_v1.0" / "m-eurosat").iterdir())
    sound = harness("data", "verify", "m-eurosat", "--geobench-dir", root, "--workers", 1, cwd=tmp_path)
    assert sound.stdout == (
        "classification_v1.0/m-eurosat: 6 samples read, statistics of 2 bands compared (tolerance 0.1 std): all sound\n"
    )
    directory = root / "classification_v1.0" / "m-eurosat"
    (directory / "id_5.hdf5").write_bytes(b"damaged")
    (directory / "id_3.hdf5").unlink()
    listed = harness("data", "list", "--geobench-dir", root, cwd=tmp_path)
    assert listed.returncode == 1
    assert "id_3.hdf5 is missing: the download is incomplete" in listed.stderr
    broken = harness("data", "verify", directory, cwd=tmp_path)
    assert broken.returncode == 1
    assert "m-eurosat/id_5.hdf5" in broken.stderr
    assert "id_3.hdf5 is missing" in broken.stderr


def test_the_hub_is_another_where_its_variable_says_so_and_its_checksum_counts(place, archive, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", place.url)
    sha256 = hashlib.sha256(archive).hexdigest()
    headers = {"Location": "/classification_v1.0/m-eurosat.zip", "X-Linked-Etag": f'"{sha256}"'}
    place.always[HUB_PATH] = Fault(status=302, headers=headers)
    done = harness("data", "download", "m-eurosat", "--out", tmp_path, cwd=tmp_path)
    assert done.returncode == 0
    assert "checksums agree; the collection CC BY-SA 4.0" in done.stdout
    place.files["/classification_v1.0/m-eurosat.zip"] = archive[:-1] + b"x"
    done = harness("data", "download", "m-eurosat", "--out", tmp_path / "other", cwd=tmp_path)
    assert done.returncode == 2
    assert f"{sha256} was published, twice" in done.stderr


def test_parts_are_counted_and_one_failure_does_not_stop_the_next(place, tmp_path):
    place.files |= {f"/geobench_pastis.000{i}.part.tortilla": bytes([i]) for i in range(3)}
    words = ("m-so2sat,geobench2/pastis", "--out", tmp_path, "--base-url", place.url)
    done = harness("data", "download", *words, cwd=tmp_path)
    assert done.returncode == 2
    assert "m-so2sat.zip: is not there (404" in done.stderr
    parts = sorted(path.name for path in (tmp_path / "geobench2" / "pastis").iterdir())
    assert parts == [f"geobench_pastis.000{i}.part.tortilla" for i in range(3)]


def test_what_is_unfinished_is_listed_with_the_command_that_goes_on(place, tmp_path):
    place.faults["/classification_v1.0/m-eurosat.zip"] = [Fault(), Fault(cut=500), Fault(status=403)]
    words = ("m-eurosat", "--out", tmp_path, "--base-url", place.url)
    assert harness("data", "download", *words, cwd=tmp_path).returncode == 2
    listed = harness("data", "list", "--geobench-dir", tmp_path, "--format", "csv", cwd=tmp_path)
    assert listed.stdout.splitlines()[1] == ",m-eurosat,classes,,500,,unfinished"
    assert "to go on with it: python -m harness data download m-eurosat" in listed.stderr
    assert harness("data", "download", *words, cwd=tmp_path).returncode == 0


def test_what_belongs_to_no_suite_is_listed_and_verified_by_its_name(place, tmp_path):
    name = "data_100k_v001"
    written = write_described(tmp_path / "written" / name, n=6, side=8)
    (written / f"{name}_tile_info.json").write_text("{}")
    place.files |= {f"/{path.name}": path.read_bytes() for path in written.iterdir()}
    root = tmp_path / "root"
    assert (
        harness("data", "download", "mmearth100k", "--out", root, "--base-url", place.url, cwd=tmp_path).returncode == 0
    )
    for geobench_dir in (root, root / "geobench"):
        listed = harness("data", "list", "--geobench-dir", geobench_dir, "--format", "csv", cwd=tmp_path)
        assert listed.stdout.splitlines()[1].startswith(',mmearth100k,"100,000 tiles of 128 px, 48 GB",,')
        sound = harness("data", "verify", "mmearth100k", "--geobench-dir", geobench_dir, cwd=tmp_path)
        assert sound.stdout.startswith(f"{root / name}: 6 samples read, statistics of 58 bands compared")
    (root / name / f"{name}_splits.json").unlink()
    listed = harness("data", "list", "--geobench-dir", root, cwd=tmp_path)
    assert listed.returncode == 1
    assert f"lacks {name}_splits.json. Remove it, then: python -m harness data download mmearth100k" in listed.stderr


def test_an_archive_that_is_published_with_its_checksum_is_held_to_it(place, tmp_path):
    place.files["/EuroSAT_RGB.zip"] = zipped({"EuroSAT_RGB/AnnualCrop/1.jpg": b"x"})
    done = harness("data", "download", "eurosat", "--out", tmp_path, "--base-url", place.url, cwd=tmp_path)
    assert done.returncode == 2
    assert "94,658,721 were published: it is another file" in done.stderr


def test_folders_of_images_and_what_is_nothing_are_told_apart(tmp_path):
    done = harness("data", "verify", "nothing", "--geobench-dir", tmp_path, cwd=tmp_path)
    assert done.returncode == 1
    assert "nothing: is neither a dataset below" in done.stderr
    empty = harness("data", "list", "--geobench-dir", tmp_path / "none", cwd=tmp_path)
    assert empty.returncode == 2
    assert "no data are here. To get data: python -m harness data download" in empty.stderr


def test_an_unknown_name_is_one_line_with_the_nearest_and_the_page_of_all(tmp_path):
    done = harness("data", "download", "m-eurosta", "--out", tmp_path, cwd=tmp_path)
    assert done.returncode == 2
    assert "Is it m-eurosat" in done.stderr
    assert "docs/downloads.md" in done.stderr
    assert len(done.stderr) < 250
    part = harness("data", "download", "benv", "--out", tmp_path, cwd=tmp_path)
    assert "Is it geobench2/benv2" in part.stderr
    far = harness("data", "download", "qqq", "--out", tmp_path, cwd=tmp_path)
    assert "Is it" not in far.stderr


def test_datasets_of_suites_come_to_lie_where_their_suites_are_looked_for(monkeypatch):
    monkeypatch.setenv("GEO_BENCH_DIR", "/data/geobench")
    folders = {folder for source in SOURCES.values() for folder in source.suites}
    for source in SOURCES.values():
        for name, published in source.downloads.items():
            assert name == published.name
            assert published.folder.split("/")[0] in folders
            assert place_of(published, None) == Path("/data/geobench")
    assert place_of(DOWNLOADS["mmearth64"], None) == Path("/data")
    assert place_of(DOWNLOADS["mmearth64"], Path("/else")) == Path("/else")
    paths = [file.path for published in DOWNLOADS.values() for file in published.files]
    assert len(set(paths)) == len(paths)  # so that one mirror can serve all


def test_the_table_of_the_documentation_is_the_table_of_the_program():
    page = (Path(__file__).parents[3] / "docs" / "downloads.md").read_text()
    for published in DOWNLOADS.values():
        assert f"`{published.name}`" in page, published.name
        assert published.page in page, published.page
