"""M3LEO becomes MMEarth's layout: every value of a tile at its place, through to a batch of the loader."""

import json
import shutil
from dataclasses import replace

import h5py
import numpy as np
import pytest
import torch

import generated_m3leo as m3leo
from mp_mae.data.files import open_mmearth
from mp_mae.data.loader import Loader, evaluation_requests
from mp_mae.data.m3leo.choices import Choices
from mp_mae.data.m3leo.importing import import_m3leo
from mp_mae.data.m3leo.sources import SOURCES
from mp_mae.modalities import choose_modalities

pytest.importorskip("rasterio", reason="the extra `geo`")

CHOICES = Choices(
    season="summer", month=7, side=64, cut="tiles", tiles_per_chip=None, seed=0, rgb_white=255, coherence_scale=1.0,
    gssic_seasons=None, without=(), damaged="stop",
)  # fmt: skip
HEIGHTS, COVER, OPTICAL = (
    replace(CHOICES, without=tuple(name for name in SOURCES if name != only))
    for only in ("aster", "esa_worldcover", "sentinel2")
)
SUMMER = 2
"""Position of the season."""


@pytest.fixture(scope="module")
def area(tmp_path_factory):
    return m3leo.write_area(tmp_path_factory.mktemp("m3leo"))


@pytest.fixture(scope="module")
def written(area, tmp_path_factory):
    """All 49 tiles of each chip."""
    out = tmp_path_factory.mktemp("out") / "europe"
    import_m3leo(area, out, CHOICES)
    return out


@pytest.fixture
def own_area(area, tmp_path):
    """A copy to spoil."""
    shutil.copytree(area.parent, tmp_path / "area")
    return tmp_path / "area" / area.name


def read(folder):
    with h5py.File(folder / f"{folder.name}.h5") as file:
        return {name: dataset[:] for name, dataset in file.items()}


def companion(folder, name):
    return json.loads((folder / f"{folder.name}_{name}.json").read_text())


def test_every_value_of_a_tile_is_that_of_its_cell(written):
    rows, chip, y, x = read(written), 1, 2, 5
    row, cell = 49 * chip + 7 * y + x, 7 * y + x  # cell 19
    assert rows["metadata"]["tile_id"][row] == b"0b_2_5"
    assert rows["metadata"]["S2_type"][row] == b"l2a"

    sentinel2 = rows["sentinel2"][row]
    assert sentinel2.dtype == np.uint16
    red, green, blue = 3 * 7 + cell + chip, 3 * 7 + 1 + cell + chip, 3 * 7 + 2 + cell + chip
    expected = [0, blue, green, red, 0, 0, 0, 0, 0, 0, 0, 0, 0]  # B1 B2 B3 B4 ...
    assert (sentinel2 == np.array(expected)[:, None, None]).all()

    asc_vv, asc_vh, desc_vv, desc_vh = (-10 - band - cell / 100 - chip / 1000 for band in (8, 10, 9, 11))
    expected = [asc_vv, asc_vh, -np.inf, -np.inf, desc_vv, desc_vh, -np.inf, -np.inf]
    for band, value in zip(rows["sentinel1"][row], expected, strict=True):
        assert band == pytest.approx(np.full((64, 64), value), rel=1e-6)

    for band, days in zip(rows["coherence"][row], range(4), strict=True):
        value = 0.1 + 0.2 * SUMMER + 0.03 * days + cell / 1000 + chip / 10_000
        assert band == pytest.approx(np.full((64, 64), value), rel=1e-6)

    assert (rows["aster"][row, 0] == 100 * chip + cell).all()
    assert (rows["aster"][row, 1] == -32768).all()  # slope: not in M3LEO
    assert (rows["esa_worldcover"][row] == (10, 50, 80)[cell % 3]).all()

    latitude, longitude = 48.07 - 0.07 * (y + 0.5) / 7, 9.0 + chip + 0.07 * (x + 0.5) / 7
    assert rows["lat"][row] == pytest.approx([np.sin(np.radians(latitude)), np.cos(np.radians(latitude))], abs=1e-7)
    assert rows["lon"][row] == pytest.approx([np.sin(np.radians(longitude)), np.cos(np.radians(longitude))], abs=1e-7)
    assert rows["month"][row] == pytest.approx([-0.5, -np.sqrt(0.75)], abs=1e-6)  # July: 210 degrees
    info = companion(written, "tile_info")
    assert list(info) == [name.decode() for name in rows["metadata"]["tile_id"]]
    assert (info["0b_2_5"]["lat"], info["0b_2_5"]["lon"]) == pytest.approx((latitude, longitude))
    assert info["0b_2_5"]["S2_DATE"] == "2020-07-01"


def test_pixels_of_full_rasters_keep_their_place(own_area, tmp_path):
    image = np.random.default_rng(0).integers(1, 4000, (1, 448, 448)).astype(np.int16)
    m3leo.write_tif(own_area / "srtmdem" / "0a.tif", image)
    import_m3leo(own_area, tmp_path / "out", HEIGHTS)
    tile = read(tmp_path / "out")["aster"][7 * 2 + 6, 0]
    np.testing.assert_array_equal(tile, image[0, 2 * 64 : 3 * 64, 6 * 64 :])


def test_all_tiles_of_a_chip_are_in_its_split(written):
    splits = companion(written, "splits")
    assert splits == {
        "train": list(range(98)), "val": list(range(98, 147)), "test": list(range(147, 196)),
    }  # fmt: skip


def test_statistics_are_those_of_the_train_split(written):
    statistics, rows = companion(written, "band_stats"), read(written)
    red, vv, shortest = rows["sentinel2"][:98, 3], rows["sentinel1"][:98, 0], rows["coherence"][:98, 0]
    for key, band, values in (("sentinel2_l2a", 3, red), ("sentinel1", 0, vv), ("coherence", 0, shortest)):
        for what in ("mean", "std", "min", "max"):
            wanted = getattr(values.astype(np.float64), what)()
            assert statistics[key][what][band] == pytest.approx(wanted, rel=1e-6), (key, what)
    assert (statistics["sentinel1"]["mean"][2], statistics["sentinel1"]["std"][2]) == (0, 1)  # HH, which nobody has
    assert statistics["sentinel2_l1c"]["std"] == [1] * 13


def test_a_training_reads_it(written):
    modalities = choose_modalities(["sentinel2", "sentinel1", "coherence", "aster", "esa_worldcover", "lat"])
    files = open_mmearth(written, modalities, ("B4", "B3", "B2"))
    assert files.reader().mapped
    loader = Loader(files, capacity=4, crop=56, device=torch.device("cpu"))
    batch = next(loader.batches(evaluation_requests(files, files.rows("val"), 4, crop=56)))
    stored, statistics = read(written), companion(written, "band_stats")
    row = int(batch.rows[1])
    assert row in files.rows("val")
    for name, key, theirs in (("sentinel2", "sentinel2_l2a", [3, 2, 1]), ("coherence", "coherence", [0, 1, 2, 3])):
        mean, std = (np.array(statistics[key][what])[theirs] for what in ("mean", "std"))
        wanted = (stored[name][row, theirs, 4, 4] - mean) / std
        assert batch.targets[name][1, :, 0, 0].numpy() == pytest.approx(wanted, abs=1e-4)
    assert torch.isnan(batch.targets["sentinel1"][:, [2, 3, 6, 7]]).all()  # HH and HV
    assert torch.isfinite(batch.targets["sentinel1"][:, [0, 1, 4, 5]]).all()
    assert torch.isnan(batch.targets["aster"][:, 1]).all()
    assert (
        batch.targets["esa_worldcover"][1, 0, 0] == {10: 0, 50: 4, 80: 7}[int(stored["esa_worldcover"][row, 0, 0, 0])]
    )


def content(folder):
    """Bytes by what a file is, whatever its folder is called."""
    return {path.name.removeprefix(folder.name): path.read_bytes() for path in folder.iterdir()}


def test_one_process_and_two_write_the_same_bytes(area, tmp_path, monkeypatch):
    monkeypatch.setattr("mp_mae.data.m3leo.importing.BLOCK", 1)
    few = replace(CHOICES, tiles_per_chip=2)
    told = []
    import_m3leo(area, tmp_path / "one", few, report=lambda *done: told.append(done))
    import_m3leo(area, tmp_path / "two", few, processes=2)
    assert content(tmp_path / "one") == content(tmp_path / "two")
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_tiles_are_drawn_by_seed_without_repetition(area, tmp_path):
    def ids(seed, n):
        out = tmp_path / f"{seed}_{n}"
        import_m3leo(area, out, replace(COVER, side=16, tiles_per_chip=n, seed=seed))
        return read(out)["metadata"]["tile_id"].tolist()

    first = ids(0, 5)
    assert len(set(first)) == len(first) == 5 * 4
    assert [name[:2] for name in first] == [chip.encode() for chip in m3leo.CHIPS for _ in range(5)]
    assert {name[3:] for name in first[:5]} != {name[3:] for name in first[5:10]}  # another draw in another chip
    assert ids(1, 5) != first
    assert len(ids(0, 28**2)) == 28**2 * 4


def test_whole_chips_are_averaged_and_classes_vote(own_area, tmp_path):
    blocks = np.full((1, 14, 14), 10, np.uint8)
    blocks[0, 0, :2] = blocks[0, 1, 0] = 80  # three of the four below the first pixel of 7 x 7 are water
    blocks[0, 0, 3] = 0  # one of the four below the second is unknown
    m3leo.write_tif(own_area / "esaworldcover-2020" / "0a.tif", blocks)
    heights = np.arange(14 * 14, dtype=np.float32).reshape(1, 14, 14)
    heights[0, 0, 3] = -9999
    m3leo.write_tif(own_area / "srtmdem" / "0a.tif", heights, no_data=-9999)
    import_m3leo(own_area, tmp_path / "whole", replace(CHOICES, cut="whole", side=14, tiles_per_chip=None))
    import_m3leo(own_area, tmp_path / "coarse", replace(CHOICES, cut="whole", side=8, tiles_per_chip=4))
    rows = read(tmp_path / "whole")
    assert rows["metadata"]["tile_id"].tolist() == [b"0a", b"0b", b"0c", b"0d"]
    np.testing.assert_array_equal(rows["esa_worldcover"][0, 0], blocks[0])
    known = heights[0].copy()
    known[0, 3] = -32768
    np.testing.assert_array_equal(rows["aster"][0, 0], known)
    assert read(tmp_path / "coarse")["aster"].shape == (4, 2, 8, 8)
    centre = companion(tmp_path / "whole", "tile_info")["0c"]
    assert (centre["lat"], centre["lon"]) == pytest.approx((48.035, 11.035))


def test_the_mean_of_a_coarse_pixel_is_over_what_is_known(own_area, tmp_path):
    heights = np.zeros((1, 448, 448), np.float32)
    heights[0, :56, :56] = np.arange(56)[:, None]  # mean 27.5
    heights[0, :28, :56] = -9999  # what is left, 28 .. 55, has the mean 41.5
    heights[0, 56:112, :56] = -9999
    m3leo.write_tif(own_area / "srtmdem" / "0a.tif", heights, no_data=-9999)
    import_m3leo(own_area, tmp_path / "out", replace(HEIGHTS, cut="whole", side=8))
    assert read(tmp_path / "out")["aster"][0, 0, :3, 0].tolist() == [42, -32768, 0]


def test_an_elevation_that_only_mmearth_calls_missing_is_missing(own_area, tmp_path):
    heights = np.full((1, 7, 7), 5, np.int16)
    heights[0, 0, 0] = -32768
    m3leo.write_tif(own_area / "srtmdem" / "0a.tif", heights)  # which declares no such value
    import_m3leo(own_area, tmp_path / "out", HEIGHTS)
    assert read(tmp_path / "out")["aster"][:2, 0, 0, 0].tolist() == [-32768, 5]
    assert companion(tmp_path / "out", "band_stats")["aster"]["min"][0] == 5


def test_season_and_month_are_chosen(area, tmp_path):
    import_m3leo(area, tmp_path / "out", replace(CHOICES, season="winter", month=1, tiles_per_chip=1))
    rows = read(tmp_path / "out")
    y, x = map(int, rows["metadata"]["tile_id"][0].decode().split("_")[1:])
    cell = 7 * y + x
    assert (rows["sentinel2"][0, 3] == 3 + cell).all()
    assert rows["sentinel1"][0, 0, 0, 0] == pytest.approx(-10 - cell / 100)
    assert rows["coherence"][0, 0, 0, 0] == pytest.approx(0.1 + cell / 1000)


def test_a_chip_without_a_file_lacks_that_modality_and_is_counted(own_area, tmp_path):
    for source in SOURCES.values():
        source.path(own_area, "0d").unlink()  # a chip without any
    for name in ("sentinel2", "coherence", "aster", "sentinel1"):
        SOURCES[name].path(own_area, "0a").unlink()
    m3leo.write_tif(own_area / "srtmdem" / "ff.tif", np.ones((1, 7, 7), np.int16))  # in no split
    summary = import_m3leo(own_area, tmp_path / "out", CHOICES)
    assert summary.without_file == {
        "sentinel2": 1, "sentinel1": 1, "coherence": 1, "aster": 1, "esa_worldcover": 0,
    }  # fmt: skip
    assert (summary.chips, summary.without_any_file, summary.without_split) == (3, 1, 1)
    assert summary.splits == {"train": 98, "val": 49, "test": 0}
    rows = read(tmp_path / "out")
    assert (rows["sentinel2"][:49] == 0).all()
    assert (rows["sentinel1"][:49] == -np.inf).all()
    assert np.isnan(rows["coherence"][:49]).all()
    assert (rows["aster"][:49] == -32768).all()
    assert (rows["esa_worldcover"][:49] > 0).all()


def test_tiles_without_any_data_are_in_no_split(own_area, tmp_path):
    for name in ("sentinel2", "sentinel1", "coherence", "aster"):
        SOURCES[name].path(own_area, "0a").unlink()
    cover = np.full((1, 7, 7), 10, np.uint8)
    cover[0, 0, :2] = 0
    m3leo.write_tif(own_area / "esaworldcover-2020" / "0a.tif", cover)
    summary = import_m3leo(own_area, tmp_path / "out", CHOICES)
    assert companion(tmp_path / "out", "splits")["train"] == list(range(2, 98))
    assert summary.tiles_without_data == 2


def test_black_is_no_data_and_a_dark_band_is_not(own_area, tmp_path):
    bands = m3leo.optical(0)
    for colour, first, second in (("red", 0, 0), ("green", 0, 0), ("blue", 0, 9)):
        bands[f"07_{colour}"][0, :2] = first, second
    m3leo.write_tif(own_area / "s2rgbm-2020" / "0a.tif", np.stack(list(bands.values())), list(bands))
    import_m3leo(own_area, tmp_path / "out", replace(OPTICAL, rgb_white=2550))
    rows = read(tmp_path / "out")["sentinel2"][:, 1:4, 0, 0]  # B2 B3 B4
    assert rows[0].tolist() == [0, 0, 0]
    assert rows[1].tolist() == [90, 1, 1]
    assert rows[2].tolist() == [250, 240, 230]  # 21 + 2, 22 + 2, 23 + 2, times ten


def test_left_out_modalities_are_not_written_but_for_the_one_that_every_training_reads(area, tmp_path):
    import_m3leo(area, tmp_path / "out", replace(CHOICES, without=("sentinel2", "aster"), tiles_per_chip=1))
    rows = read(tmp_path / "out")
    assert "aster" not in rows
    assert (rows["sentinel2"] == 0).all()
    open_mmearth(tmp_path / "out", choose_modalities(["sentinel1", "coherence"]))
