"""Every value of a dataset is read, and stored statistics are held against those of the values."""

import json

import h5py
import numpy as np
import pytest

from described_mmearth import write_described
from mp_mae.data.checking.mmearth import check_mmearth
from mp_mae.data.checking.moments import Moments, Stored, differences


@pytest.fixture
def tiles(tmp_path):
    return write_described(tmp_path / "tiles", n=150, side=8, missing=0.2)


def change_statistics(folder, change):
    path = folder / "tiles_band_stats.json"
    statistics = json.loads(path.read_text())
    change(statistics)
    path.write_text(json.dumps(statistics))


def test_moments_are_numpys_whatever_the_portions():
    values = np.random.default_rng(0).normal(1e6, 3, (50, 4, 6, 6))
    values[:20, 1] = np.nan
    moments = Moments(4)
    for portion in (values[:1], values[1:17], values[17:]):
        moments.add(portion)
    assert moments.mean == pytest.approx(np.nanmean(values, (0, 2, 3)), rel=1e-12)
    assert moments.std == pytest.approx(np.nanstd(values, (0, 2, 3)), rel=1e-9)
    assert moments.n.tolist() == [1800, 1080, 1800, 1800]


@pytest.mark.parametrize(
    ("mean", "std", "told"),
    [(0.5, 1.5, False), (0.64, 1.5, False), (0.66, 1.5, True), (0.5, 1.66, False), (0.5, 1.68, True), (0.5, 1.3, True)],
)
def test_a_tenth_of_a_standard_deviation_is_tolerated(mean, std, told):
    """Two values, -1 and 2: mean 0.5, deviation 1.5; the larger deviation is the measure."""
    moments = Moments(1)
    moments.add(np.array([[-1.0], [2.0]]))
    assert bool(differences(moments, {0: Stored("B2", mean, std)}, "stats.json")) == told


@pytest.mark.parametrize(("mean", "std", "told"), [(0.0, 1.0, False), (3.0, 1.0, True)])
def test_statistics_of_no_values_fit_a_band_without_values(mean, std, told):
    moments = Moments(1)
    moments.add(np.full((2, 1, 3, 3), np.nan))
    assert bool(differences(moments, {0: Stored("asc HH", mean, std)}, "stats.json")) == told


def test_a_dataset_as_it_was_published_has_no_problems(tiles):
    told = []
    checked = check_mmearth(tiles, lambda done, total: told.append((done, total)))
    assert checked.problems == ()
    assert checked.n_tiles == 150
    # Sentinel-2 at two levels, radar, elevation, heights, weather, three cyclic quantities, coherence
    assert checked.n_compared == 2 * 12 + 8 + 2 + 2 + 12 + 3 * 2 + 4
    assert told == [(64, 150), (128, 150), (150, 150)]


def test_statistics_of_other_values_are_told_by_band(tiles):
    def change(statistics):
        statistics["sentinel2_l2a"]["mean"][1] += 400  # B2 has a deviation of about 300
        statistics["era5"]["std"][0] *= 2

    change_statistics(tiles, change)
    problems = check_mmearth(tiles, lambda *_: None).problems
    assert [line.split(": ")[1].split(" has")[0] for line in problems] == [
        "sentinel2_l2a B2",
        "era5 previous month mean temperature",
    ]


def test_rows_that_are_damaged_are_named_and_the_others_are_read(tiles):
    path = tiles / "tiles.h5"
    with h5py.File(path, "a") as file:
        values = file["sentinel1"][:]
        del file["sentinel1"]
        packed = file.create_dataset("sentinel1", data=values, chunks=(1, *values.shape[1:]), compression="gzip")
        places = [packed.id.get_chunk_info_by_coord((row, 0, 0, 0)) for row in (3, 70)]
    with path.open("r+b") as file:
        for place in places:
            file.seek(place.byte_offset + 10)
            file.write(bytes(min(20, place.size - 10)))
    (problem,) = check_mmearth(tiles, lambda *_: None).problems
    assert problem.startswith(f"{path}: sentinel1 cannot be read in 2 rows: 3, 70. Download")


def test_a_modality_that_is_not_there_is_said_to_be_missing(tiles):
    with h5py.File(tiles / "tiles.h5", "a") as file:
        del file["aster"]
    checked = check_mmearth(tiles, lambda *_: None)
    assert checked.missing == ("aster",)
    assert checked.problems == ()
