"""Datasets of GEO-Bench-2 come back as they were written, and their channels are what they truly are."""

from dataclasses import replace

import numpy as np
import pytest

from harness.data.sources import open_dataset
from harness.data.suites import discover
from harness.errors import DoesNotApplyError, UserError
from harness.records.run import BandNames

pytest.importorskip("rasterio", reason="the extra `geo`")
pytest.importorskip("pyarrow", reason="the extra `geo`")

from geobench2_files import SIDE, as_bytes, simulated_patches, write_dataset


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
    assert (dataset.suite, dataset.partitions()) == ("geobench-2", ["default"])
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


@pytest.mark.parametrize("name", ["everwatch", "spacenet8"])
def test_what_nothing_here_learns_is_named(tmp_path, name):
    (tmp_path / "geobench2" / name).mkdir(parents=True)
    (tmp_path / "geobench2" / name / f"geobench_{name}.tortilla").touch()
    with pytest.raises(DoesNotApplyError, match=f"^{name}: cannot be evaluated here: "):
        read(tmp_path)


def test_a_folder_of_another_name_lists_what_there_is(tmp_path):
    (tmp_path / "geobench2" / "mine").mkdir(parents=True)
    (tmp_path / "geobench2" / "mine" / "x.tortilla").touch()
    with pytest.raises(UserError, match="no dataset of GEO-Bench-2; there are: benv2, treesatai"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("label", "found"), [(["Sand"], "'Sand' is none of the 19"), ("Pastures", "missing|int"), (None, "missing")]
)
def test_a_label_that_is_none_is_refused(tmp_path, patches, monkeypatch, label, found):
    import geobench2_files

    items, _ = geobench2_files.WRITERS["benv2"](patches, 0)
    monkeypatch.setitem(geobench2_files.WRITERS, "benv2", lambda patches, i: (items, {"labels": label}))
    write_dataset(tmp_path, "benv2", patches)
    with pytest.raises(UserError, match=rf"^benv2/geobench_benv2\.tortilla, sample sample_0: its label .*{found}"):
        read(tmp_path).read_sample("sample_0")
