"""The simulated world on disk: MMEarth's layout, the same bytes always, and errors that say what to do."""

import errno
import json
import os
from pathlib import Path

import h5py
import numpy as np
import pytest

from mp_mae.data import write
from mp_mae.data.files import open_mmearth
from mp_mae.data.h5 import RowReader
from mp_mae.data.world.places import draw_places
from mp_mae.data.world.simulate import simulate
from mp_mae.data.write import write_mmearth
from mp_mae.errors import UserError
from mp_mae.modalities import MODALITIES, choose_modalities

SIZE = 16
N = 150
"""More than two blocks, and not a whole number of them."""


@pytest.fixture(scope="module")
def directory(tmp_path_factory) -> Path:
    return write_mmearth(tmp_path_factory.mktemp("world") / "demo", 0, N, size_px=SIZE).h5.parent


def content(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_two_runs_write_the_same_bytes(directory, tmp_path):
    write_mmearth(tmp_path / "demo", 0, N, size_px=SIZE)
    assert content(tmp_path / "demo") == content(directory)


def test_one_process_and_four_write_the_same_bytes(directory, tmp_path):
    write_mmearth(tmp_path / "demo", 0, N, size_px=SIZE, processes=4)
    assert content(tmp_path / "demo") == content(directory)


def test_another_seed_writes_other_bytes(directory, tmp_path):
    write_mmearth(tmp_path / "demo", 1, N, size_px=SIZE)
    other, own = content(tmp_path / "demo"), content(directory)
    assert all(other[name] != own[name] for name in own if name != "demo_splits.json")


def test_the_reader_opens_it_and_reads_what_was_simulated(directory):
    files = open_mmearth(directory, choose_modalities(list(MODALITIES)))
    assert (files.n_tiles, files.side, files.left_out) == (N, SIZE, ())
    reader = RowReader(files.paths.h5, files.columns)
    assert reader.mapped
    rows = np.array([0, 63, 64, N - 1])
    read = reader.read_rows(rows)
    tiles = simulate(0, draw_places(0, "pretrain", rows), SIZE)
    for name, values in tiles.modalities.items():
        if name in read:
            assert read[name].tobytes() == values.tobytes(), name
    assert (read["metadata"]["S2_type"].astype(str) == tiles.s2_level).all()


def test_the_file_has_every_dataset_of_mmearth_contiguous_and_full(directory):
    with h5py.File(directory / "demo.h5") as file:
        assert set(file) == {
            *MODALITIES, "metadata", "sentinel2_cloudmask", "sentinel2_cloudprod", "sentinel2_scl",
        }  # fmt: skip
        for name, dataset in file.items():
            assert dataset.chunks is None
            assert len(dataset) == N, name
        assert file["metadata"].dtype.names == ("tile_id", "S2_type")


def test_splits_are_disjoint_and_hold_every_row(directory):
    splits = json.loads((directory / "demo_splits.json").read_text())
    assert set(splits) == {"train", "val", "test"}
    assert sorted(row for rows in splits.values() for row in rows) == list(range(N))
    assert len(splits["val"]) == len(splits["test"]) == 7  # a twentieth each


def test_statistics_are_those_of_the_train_split_without_no_data(directory):
    rows = np.array(json.loads((directory / "demo_splits.json").read_text())["train"])
    statistics = json.loads((directory / "demo_band_stats.json").read_text())
    with h5py.File(directory / "demo.h5") as file:
        raw = file["metadata"]["S2_type"][rows] == b"l1c"
        height = file["canopy_height_eth"][:][rows][:, 0].astype(float)
        radar = file["sentinel1"][:][rows][:, 1].astype(float)
        blue = file["sentinel2"][:][rows][raw][:, 1].astype(float)
    expected = {
        ("canopy_height_eth", 0): height[height != 127],
        ("sentinel1", 1): radar[np.isfinite(radar)],
        ("sentinel2_l1c", 1): blue,
    }
    for (name, band), values in expected.items():
        for what in ("mean", "std", "min", "max"):
            assert statistics[name][what][band] == pytest.approx(getattr(np, what)(values), rel=1e-9), (name, what)
    assert statistics["sentinel2_l2a"]["std"][10] == 1  # no corrected image has the cirrus band


def test_tile_info_describes_each_row_as_mmearth_does(directory):
    info = json.loads((directory / "demo_tile_info.json").read_text())
    with h5py.File(directory / "demo.h5") as file:
        records, month, latitude = file["metadata"][:], file["month"][:], file["lat"][:]
        recorded = np.isfinite(file["sentinel1"][:]).all(axis=(2, 3))
    assert list(info) == [record["tile_id"].decode() for record in records]
    for row, entry in enumerate(info.values()):
        assert {"S2_type", "S2_DATE", "lat", "lon", "CRS", "BANDS"} <= set(entry)
        assert entry["S2_type"] == records[row]["S2_type"].decode()
        assert ("B10" in entry["BANDS"]["sentinel2"]) == (entry["S2_type"] == "l1c")
        assert latitude[row, 0] == pytest.approx(np.sin(np.radians(entry["lat"])), abs=1e-6)
        assert month[row, 1] == pytest.approx(np.cos(int(entry["S2_DATE"][5:7]) * np.pi / 6), abs=1e-6)
        assert (entry["BANDS"]["sentinel1_asc"] is None) == (not recorded[row, :4].any())
    assert {entry["CRS"][:8] for entry in info.values()} == {"EPSG:326", "EPSG:327"}


def test_progress_is_told_up_to_the_end(tmp_path):
    told: list[tuple[int, int]] = []
    write_mmearth(tmp_path / "demo", 0, 70, size_px=SIZE, report=lambda done, total: told.append((done, total)))
    assert told == [(64, 70), (70, 70)]


def test_a_complete_directory_of_the_same_world_is_taken_as_it_is(directory, monkeypatch):
    monkeypatch.setattr(write, "simulate", None)  # would fail
    before = (directory / "demo.h5").stat().st_mtime_ns
    assert write_mmearth(directory, 0, N, size_px=SIZE).h5 == directory / "demo.h5"
    assert (directory / "demo.h5").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"seed": 7}, "seed 0 instead of 7"),
        ({"n_tiles": 9}, "n_tiles 150 instead of 9"),
        ({"size_px": 32}, "size_px 16"),
    ],
)
def test_another_world_in_the_directory_is_named(directory, change, said):
    with pytest.raises(UserError, match=said):
        write_mmearth(directory, **{"seed": 0, "n_tiles": N, "size_px": SIZE, **change})


def test_a_world_of_another_version_is_named(directory, monkeypatch):
    monkeypatch.setattr(write, "WORLD_VERSION", 99)
    with pytest.raises(UserError, match=r"version 1 instead of 99.*Choose another directory"):
        write_mmearth(directory, 0, N, size_px=SIZE)


def test_foreign_files_are_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match=r"in the way.*world\.json"):
        write_mmearth(tmp_path, 0, 5, size_px=SIZE)
    assert content(tmp_path) == {"notes.txt": b"mine"}


def test_an_empty_directory_is_filled(tmp_path):
    (tmp_path / "demo").mkdir()
    assert write_mmearth(tmp_path / "demo", 0, 3, size_px=SIZE).h5.exists()


@pytest.mark.parametrize(("n_tiles", "processes"), [(0, 1), (-3, 1), (5, 0)])
def test_nothing_to_write_is_an_error(tmp_path, n_tiles, processes):
    with pytest.raises(UserError, match=f"at least one tile and one process; found {n_tiles} and {processes}"):
        write_mmearth(tmp_path / "demo", 0, n_tiles, size_px=SIZE, processes=processes)


def test_a_full_disk_leaves_nothing_behind(tmp_path, monkeypatch):
    def fail(block: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(write, "_write_block", fail)
    with pytest.raises(UserError, match=r"disk is full\. 5 tiles need about .* GB"):
        write_mmearth(tmp_path / "demo", 0, 5, size_px=SIZE)
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_run_leaves_nothing_behind(tmp_path, monkeypatch):
    def interrupt(block: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(write, "_write_block", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_mmearth(tmp_path / "demo", 0, 5, size_px=SIZE)
    assert list(tmp_path.iterdir()) == []


def test_missing_permission_is_named(tmp_path, monkeypatch):
    def refuse(self: Path, *_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(UserError, match="no permission to write there"):
        write_mmearth(tmp_path / "demo", 0, 5, size_px=SIZE)


def test_torchgeo_reads_every_tile_and_the_same_optical_pixels(tmp_path):
    """Under the directory name TorchGeo expects of its subset of 64 px tiles."""
    datasets = pytest.importorskip("torchgeo.datasets", reason="TorchGeo is not installed: pip install torchgeo")
    paths = write_mmearth(tmp_path / "data_1M_v001_64", 0, 24, size_px=64)
    theirs = datasets.MMEarth(tmp_path, subset="MMEarth64")
    splits = json.loads(paths.splits.read_text())
    assert len(theirs) == len(splits["train"])
    statistics, tiles = json.loads(paths.band_stats.read_text()), json.loads(paths.tile_info.read_text())
    with h5py.File(paths.h5) as file:
        for sample, row in zip((theirs[i] for i in range(len(theirs))), splits["train"], strict=True):
            tile = tiles[sample["tile_id"]]
            assert (sample["lat"], sample["lon"]) == (tile["lat"], tile["lon"])
            level = statistics[f"sentinel2_{tile['S2_type']}"]
            mean, std = (np.array(level[name])[:, None, None] for name in ("mean", "std"))
            raw = file["sentinel2"][row]
            known = raw > 0  # all but B10 of L2A, which has none
            assert known.mean() > 0.9
            ours = ((raw - mean) / std)[known]
            np.testing.assert_allclose(sample["image_sentinel2"].numpy()[known], ours, rtol=1e-4, atol=1e-4)
