import json
import os
import shutil
from collections import namedtuple

import h5py
import numpy as np
import pytest
import tiny_mmearth

from mp_mae.data import shards
from mp_mae.data.files import open_mmearth
from mp_mae.data.shards import write_shards
from mp_mae.errors import UserError
from mp_mae.modalities import PRESETS, choose_modalities
from shared_fixtures import copy_files


class PowerCutError(Exception):
    """Somebody pulls the plug."""


def stop_at(tiles):
    def progress(done, total):
        if done >= tiles:
            raise PowerCutError

    return progress


def silent(done, total):
    pass


@pytest.fixture
def source(compressed_tiles, tmp_path):
    return copy_files(compressed_tiles, tmp_path / "source" / compressed_tiles.name)


def assert_is_copy(out, source):
    name = source.name
    with h5py.File(out / f"{name}.h5") as copy, h5py.File(source / f"{name}.h5") as original:
        assert set(copy) == set(original)
        for dataset in original:
            assert copy[dataset].chunks is None
            assert copy[dataset].id.get_offset() % 4096 == 0
            assert copy[dataset].dtype == original[dataset].dtype
            assert copy[dataset][:].tobytes() == original[dataset][:].tobytes()
            assert dict(copy[dataset].attrs) == dict(original[dataset].attrs)
        assert dict(copy.attrs) == dict(original.attrs)
    companions = [f"{name}_{what}.json" for what in ("splits", "band_stats", "tile_info")]
    assert sorted(os.listdir(out)) == sorted([f"{name}.h5", *companions])
    for file in companions:
        assert (out / file).read_bytes() == (source / file).read_bytes()
    assert not out.with_name(f"{out.name}.partial").exists()


def test_a_copy_has_the_same_content_contiguous_and_is_read_through_the_map(source, tmp_path):
    with h5py.File(source / f"{source.name}.h5", "a") as file:
        file.attrs["about"] = "tiles"
        file["aster"].attrs["unit"] = "m"
    out = write_shards(source, tmp_path / "new" / "fast", silent)
    assert_is_copy(out, source)
    everything = choose_modalities(PRESETS["all"])
    slow, fast = open_mmearth(source, everything).reader(), open_mmearth(out, everything).reader()
    assert (slow.mapped, fast.mapped) == (False, True)
    rows = np.array([7, 2, 2])
    for name, values in slow.read_rows(rows).items():
        assert values.tobytes() == fast.read_rows(rows)[name].tobytes()


def test_progress_counts_tiles_from_where_it_starts(source, tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "BLOCK", 4)
    seen = []
    write_shards(source, tmp_path / "out", lambda done, total: seen.append((done, total)))
    assert seen == [(0, 9), (4, 9), (8, 9), (9, 9)]


@pytest.mark.parametrize("tiles", [0, 4, 8, 9])
def test_a_stopped_copy_is_not_there_and_goes_on_where_it_was(source, tmp_path, monkeypatch, tiles):
    monkeypatch.setattr(shards, "BLOCK", 4)
    with pytest.raises(PowerCutError):
        write_shards(source, tmp_path / "out", stop_at(tiles))
    assert not (tmp_path / "out").exists()
    with h5py.File(tmp_path / "out.partial" / f"{source.name}.h5") as file:  # never broken
        assert len(file["sentinel2"]) == 9
    seen = []
    write_shards(source, tmp_path / "out", lambda done, total: seen.append(done))
    assert seen[0] == tiles
    assert_is_copy(tmp_path / "out", source)


def test_a_partial_copy_of_another_source_is_begun_anew(source, tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "BLOCK", 4)
    with pytest.raises(PowerCutError):
        write_shards(source, tmp_path / "out", stop_at(4))
    path = source / f"{source.name}.h5"
    with h5py.File(path, "a") as file:
        file["lat"][0] = 0.5
    os.utime(path, ns=(0, 1))
    seen = []
    write_shards(source, tmp_path / "out", lambda done, total: seen.append(done))
    assert seen[0] == 0
    assert_is_copy(tmp_path / "out", source)


def test_an_existing_folder_is_left_alone(source, tmp_path):
    (tmp_path / "out").mkdir()
    with pytest.raises(UserError, match=r"out exists already. Choose another folder"):
        write_shards(source, tmp_path / "out", silent)
    assert not list((tmp_path / "out").iterdir())


def test_a_disk_that_is_too_small_is_refused_beforehand(source, tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 0, 10**6))
    with pytest.raises(UserError, match=r"needs 0.0 GB, the disk has 0.0 GB free"):
        write_shards(source, tmp_path / "out", silent)
    assert not (tmp_path / "out").exists()


def test_a_missing_companion_file_is_named(source, tmp_path):
    (source / f"{source.name}_splits.json").unlink()
    with pytest.raises(UserError, match=r"splits.json: No such file"):
        write_shards(source, tmp_path / "out", silent)


def test_tile_information_is_optional(source, tmp_path):
    (source / f"{source.name}_tile_info.json").unlink()
    write_shards(source, tmp_path / "out", silent)
    assert len(list((tmp_path / "out").iterdir())) == 3


def test_datasets_of_unequal_length_or_without_rows_are_refused(tmp_path):
    columns = tiny_mmearth.random_columns(3, 8)
    folder = tiny_mmearth.write(tmp_path / "d", {**columns, "lat": columns["lat"][:2]})
    with pytest.raises(UserError, match=r"wanted datasets of equal length.*lat 2"):
        write_shards(folder, tmp_path / "out", silent)
    none = {name: values[:0] for name, values in columns.items()}
    with pytest.raises(UserError, match="wanted datasets of equal length"):
        write_shards(tiny_mmearth.write(tmp_path / "e", none), tmp_path / "out", silent)


def test_foreign_byte_order_is_written_natively(tmp_path):
    columns = tiny_mmearth.random_columns(3, 8)
    columns["era5"] = columns["era5"].astype(">f4")
    out = write_shards(tiny_mmearth.write(tmp_path / "d", columns), tmp_path / "out", silent)
    with h5py.File(out / "d.h5") as file:
        assert file["era5"].dtype == np.dtype("=f4")
        np.testing.assert_array_equal(file["era5"][:], columns["era5"])


def test_the_record_of_progress_is_never_half_written(source, tmp_path, monkeypatch):
    with pytest.raises(PowerCutError):
        write_shards(source, tmp_path / "out", stop_at(0))
    record = json.loads((tmp_path / "out.partial" / shards.PROGRESS_FILE).read_text())
    assert record["done"] == 0
    assert [path.suffix for path in (tmp_path / "out.partial").iterdir()].count(".partial") == 0
