"""Datasets of GEO-Bench-2 come back as they were written, and their channels are what they truly are."""

from dataclasses import replace

import numpy as np
import pytest

from baselines.bands import Unit
from harness.data.arrays import open_arrays
from harness.data.sources import open_dataset
from harness.data.sources.geobench2.table import DATASETS
from harness.data.suites import discover
from harness.errors import DoesNotApplyError, UserError
from harness.records.progress import Silent
from harness.records.run import BandNames

pytest.importorskip("rasterio", reason="the extra `geo`")
pytest.importorskip("pyarrow", reason="the extra `geo`")

from geobench2_files import SIDE, SPLITS, WRITERS, as_bytes, simulated_patches, tif, write_dataset


@pytest.fixture(scope="module")
def patches():
    return simulated_patches()


def read(root, name="", band_names=BandNames.CORRECTED):
    (ref,) = [ref for ref in discover(root) if ref.name == name or not name]
    return open_dataset(replace(ref, band_names=band_names))


def channels(dataset, sample):
    return dict(zip([band.name for band in dataset.bands], dataset.read_sample(sample).pixels, strict=True))


def test_samples_come_in_the_order_of_their_names_from_all_parts(tmp_path, patches):
    write_dataset(tmp_path, "benv2", patches, parts=3)
    dataset = read(tmp_path)
    assert dataset.partitions() == ["default"]
    default = dataset.partition("default")
    assert default.train == ("sample_0", "sample_1", "sample_2", "sample_3")
    assert (default.valid, default.test) == (("sample_4", "sample_5"), ("sample_6", "sample_7"))
    assert {dataset.file_of(sample).name[-18:] for sample in default.train} == {
        f"000{part}.part.tortilla"[-18:] for part in range(3)
    }


def test_benv2_has_its_polarisations_the_right_way_round(tmp_path, patches):
    write_dataset(tmp_path, "benv2", patches)
    dataset, sample = read(tmp_path), read(tmp_path).read_sample("sample_3")
    found = channels(dataset, "sample_3")
    for name, pixels in {**patches.optical, **patches.radar}.items():
        if name != "B10":
            np.testing.assert_array_equal(found[name], pixels[3], err_msg=name)
    assert sample.place == (10.5, 20.5)
    assert [dataset.spec.class_names[i] for i in np.flatnonzero(sample.label)] == ["Pastures", "Marine waters"]
    stored = channels(read(tmp_path, band_names=BandNames.STORED), "sample_3")
    np.testing.assert_array_equal(stored["VV"], found["VH"])


def test_so2sat_has_its_polarisations_the_right_way_round(tmp_path, patches):
    write_dataset(tmp_path, "so2sat", patches)
    dataset = read(tmp_path)
    found = channels(dataset, "sample_1")
    np.testing.assert_array_equal(found["VV"], patches.radar["VV"][1])
    np.testing.assert_allclose(found["B8A"], patches.optical["B8A"][1] / 10_000)
    assert dataset.spec.class_names[dataset.read_sample("sample_1").label] == "Open low-rise"


def test_red_and_near_infrared_of_trees_are_not_exchanged_and_their_radar_is_left_out(tmp_path, patches):
    write_dataset(tmp_path, "treesatai", patches)
    dataset = read(tmp_path)
    found, sample = channels(dataset, "sample_0"), dataset.read_sample("sample_0")
    for name, band in {"red": "B4", "green": "B3", "blue": "B2", "nir": "B8"}.items():
        np.testing.assert_array_equal(found[name], as_bytes(patches.optical[band][0]), err_msg=name)
    assert found["B9"].shape == (SIDE, SIDE), "resampled to the photograph"
    assert abs(found["B9"].mean() - patches.optical["B9"][0, ::4, ::4].mean()) < 1
    assert {band.kind for band in dataset.bands} == {"SpectralBand", "Sentinel2"}
    assert sample.place == (10, -46.25)
    assert [dataset.spec.class_names[i] for i in np.flatnonzero(sample.label)] == ["Abies", "Tilia"]


def test_forestnet_is_landsat(tmp_path, patches):
    write_dataset(tmp_path, "forestnet", patches)
    dataset = read(tmp_path)
    assert {band.kind for band in dataset.bands} == {"Landsat8"}
    assert [band.name for band in dataset.bands] == ["blue", "green", "red", "nir", "swir1", "swir2"]
    assert dataset.erratum is not None
    np.testing.assert_array_equal(channels(dataset, "sample_2")["nir"], as_bytes(patches.optical["B8A"][2]))
    assert dataset.read_sample("sample_2").label == 7


# Masks and numbers of pixels


def test_every_dataset_of_the_table_is_written_and_read(tmp_path, patches):
    assert set(WRITERS) == set(DATASETS)
    for name in WRITERS:
        write_dataset(tmp_path, name, patches)
        dataset = read(tmp_path, name)
        sample = dataset.read_sample("sample_0")
        assert sample.pixels.shape == (len(dataset.bands), SIDE, SIDE), name
        assert np.isfinite(sample.pixels[:, 1:]).all(), name


@pytest.mark.parametrize(
    ("name", "classes"),
    [
        ("burn_scars", lambda cover: np.where(cover % 3 == 0, 255, cover % 3 - 1)),
        ("caffe", lambda cover: cover % 4),
        ("cloudsen12", lambda cover: cover % 4),
        ("dynamic_earthnet", lambda cover: cover % 7),
        ("fotw", lambda cover: cover % 3),
        ("kuro_siwo", lambda cover: np.array([1, 2, 3, 0])[cover % 4]),
        ("pastis", lambda cover: cover),
        ("spacenet2", lambda cover: cover % 2 + 1),
        ("spacenet7", lambda cover: cover % 2 + 1),
    ],
)
def test_masks_are_of_the_classes_of_the_leaderboard(tmp_path, patches, name, classes):
    write_dataset(tmp_path, name, patches)
    np.testing.assert_array_equal(read(tmp_path).read_sample("sample_5").label, classes(patches.cover[5]))


def test_flair2_has_one_class_for_all_that_is_rare_and_none_where_nothing_is_known(tmp_path, patches):
    write_dataset(tmp_path, "flair2", patches)
    label = read(tmp_path).read_sample("sample_0").label
    assert label[0, :3].tolist() == [255, 12, 12]
    np.testing.assert_array_equal(label[1:], patches.cover[0, 1:])


def test_sentinel2_of_dynamic_earthnet_has_its_true_names_and_may_be_missing(tmp_path, patches):
    write_dataset(tmp_path, "dynamic_earthnet", patches)
    dataset = read(tmp_path)
    found = channels(dataset, "sample_0")
    for name in ("B1", "B4", "B8", "B8A", "B9", "B12"):
        np.testing.assert_array_equal(found[name], patches.optical[name][0], err_msg=name)
    np.testing.assert_array_equal(found["red"], patches.optical["B4"][0], err_msg="of the first day")
    assert {band.unit for band in dataset.bands} == {Unit.DN_10000}
    assert np.isnan(channels(dataset, "sample_1")["B4"]).all()


def test_what_kuro_siwo_says_is_invalid_is_no_data(tmp_path, patches):
    write_dataset(tmp_path, "kuro_siwo", patches)
    found = channels(read(tmp_path), "sample_0")
    np.testing.assert_allclose(10 * np.log10(found["VV"][1:]), patches.radar["VV"][0, 1:], rtol=1e-4)
    np.testing.assert_allclose(found["VH before 2"], 3 * found["VH"], rtol=1e-6)
    assert np.isnan(found["elevation"][0]).all()


def test_series_give_their_first_date(tmp_path, patches):
    write_dataset(tmp_path, "pastis", patches)
    found = channels(read(tmp_path), "sample_0")
    np.testing.assert_array_equal(found["B11"], patches.optical["B11"][0])
    np.testing.assert_allclose(found["desc VV"], patches.radar["VV"][0] - 1, atol=0.02)


def test_biomass_is_in_its_own_unit_and_radar_of_no_orbit_has_no_data(tmp_path, patches):
    write_dataset(tmp_path, "biomassters", patches)
    dataset = read(tmp_path)
    arrays = open_arrays(dataset, tmp_path / "cache", Silent())
    np.testing.assert_array_equal(arrays.labels[:], patches.optical["B8"])
    assert dataset.spec.metric == "rmse"
    assert arrays.n_nonfinite == dict.fromkeys(("desc VV", "desc VH"), len(SPLITS) * SIDE)


def test_a_code_of_a_mask_that_nobody_knows_is_refused(tmp_path, patches, monkeypatch):
    items, _ = WRITERS["spacenet7"](patches, 0)
    wrong = [items[0], tif("mask", np.full((SIDE, SIDE), 7, np.uint8))]
    monkeypatch.setitem(WRITERS, "spacenet7", lambda patches, i: (wrong, {}))
    write_dataset(tmp_path, "spacenet7", patches)
    with pytest.raises(UserError, match="its mask has values from 7 to 7; 0 to 1 are known"):
        read(tmp_path).read_sample("sample_0")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda items: items[:1], r"has no file 1 among its 1\. Download"),
        (lambda items: items[::-1], r"0 has 12 channels; 2 are wanted\. Download"),
    ],
)
def test_files_that_are_missing_or_exchanged_are_told(tmp_path, patches, monkeypatch, change, problem):
    items, columns = WRITERS["benv2"](patches, 0)
    monkeypatch.setitem(WRITERS, "benv2", lambda patches, i: (change(items), columns))
    write_dataset(tmp_path, "benv2", patches)
    with pytest.raises(UserError, match=problem):
        read(tmp_path).read_sample("sample_0")


def test_a_pixel_of_a_coded_mask_may_be_without_label(tmp_path, patches, monkeypatch):
    items, _ = WRITERS["spacenet7"](patches, 0)
    mask = np.zeros((SIDE, SIDE), np.int16)
    mask[0, :4] = 1, 255, -1, 0
    monkeypatch.setitem(WRITERS, "spacenet7", lambda patches, i: ([items[0], tif("mask", mask)], {}))
    write_dataset(tmp_path, "spacenet7", patches)
    label = read(tmp_path).read_sample("sample_0").label
    assert label[0, :4].tolist() == [2, 255, 255, 1]
    assert (label[1:] == 1).all()


# Whose data these are


def test_the_suite_is_that_of_the_leaderboard_if_the_splits_have_the_published_sizes(tmp_path, patches, monkeypatch):
    write_dataset(tmp_path, "benv2", patches, parts=2)
    assert read(tmp_path).suite == f"user:{tmp_path.name}"
    monkeypatch.setitem(DATASETS, "benv2", replace(DATASETS["benv2"], sizes=(4, 2, 2)))
    assert read(tmp_path).suite == "geobench-2"


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (("everwatch", "nzcattle", "substation", "pastis_r", "wind_turbine"), "objects are to be detected"),
        (("spacenet6", "spacenet8"), "its leaderboard does not have it"),
    ],
)
def test_what_nothing_here_learns_is_named_with_the_reason(tmp_path, names, reason):
    for name in names:
        (tmp_path / "geobench2" / name).mkdir(parents=True)
        (tmp_path / "geobench2" / name / f"geobench_{name}.tortilla").touch()
        with pytest.raises(DoesNotApplyError, match=f"^{name}: cannot be evaluated here: {reason}$"):
            read(tmp_path, name)


def test_every_dataset_whose_channels_have_other_names_than_they_are_has_an_erratum_with_its_source(tmp_path, patches):
    """The traps of its reader; a channel that is no measurement at all (the radar of treesatai) is left out."""
    wrong = {"benv2": 2, "so2sat": 2, "treesatai": 2, "dynamic_earthnet": 9, "forestnet": 6}
    for name in DATASETS:
        write_dataset(tmp_path, name, patches)
        dataset, stored = read(tmp_path, name), read(tmp_path, name, BandNames.STORED)
        renamed = [band.channel for band in dataset.bands if band.channel != band.name]
        assert len(renamed) == wrong.get(name, 0), name
        assert (dataset.erratum is not None) == (name in wrong), name
        assert dataset.erratum is None or dataset.erratum.source.startswith("https://")
        assert [band.name for band in stored.bands] == [band.channel for band in dataset.bands], name


def test_a_folder_of_another_name_lists_what_there_is(tmp_path):
    (tmp_path / "geobench2" / "mine").mkdir(parents=True)
    (tmp_path / "geobench2" / "mine" / "x.tortilla").touch()
    with pytest.raises(UserError, match="no dataset of GEO-Bench-2; there are: benv2, treesatai"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("label", "found"), [(["Sand"], "'Sand' is none of the 19"), ("Pastures", "missing|int"), (None, "missing")]
)
def test_a_label_that_is_none_is_refused(tmp_path, patches, monkeypatch, label, found):
    items, _ = WRITERS["benv2"](patches, 0)
    monkeypatch.setitem(WRITERS, "benv2", lambda patches, i: (items, {"labels": label}))
    write_dataset(tmp_path, "benv2", patches)
    with pytest.raises(UserError, match=rf"^benv2/geobench_benv2\.tortilla, sample sample_0: its label .*{found}"):
        read(tmp_path).read_sample("sample_0")
