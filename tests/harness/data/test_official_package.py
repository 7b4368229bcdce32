"""Our reader gives what the official `geobench` package gives: arrays, labels, splits, statistics, names."""

from dataclasses import asdict
from datetime import date

import numpy as np
import pytest

from harness.data.arrays import open_arrays
from harness.data.band_matching import MissingBands, plan_bands
from harness.data.sources import open_dataset
from harness.data.suites import discover
from harness.records.progress import Silent

SIZE = 21


class Writer:
    """Writes one dataset through the official classes."""

    def __init__(self, geobench, root, infos, label_type, suite="classification_v1.0"):
        self.geobench, self.infos, self.label_type = geobench, infos, label_type
        self.directory = root / suite / "toy"
        self.directory.mkdir(parents=True)
        self.random = np.random.default_rng(0)

    def pixels(self, info, dtype="int16"):
        """Bands of 20 m and 60 m come at a third and a seventh of the size, where the order of rounding shows."""
        side = {10: SIZE, 20: SIZE // 3, 60: SIZE // 7}[info.spatial_resolution]
        return self.random.integers(0, 10_000, (side, side)).astype(dtype)

    def write(self, labels, dates=((None,),), dtypes=("int16",)):
        """One sample per label; `dates` and `dtypes` are gone through in turn by sample and by band."""
        band = self.geobench.dataset.Band
        for index, label in enumerate(labels):
            bands = [
                band(self.pixels(info, dtypes[channel % len(dtypes)]), info, info.spatial_resolution, date=when)
                for when in dates[index % len(dates)]
                for channel, info in enumerate(self.infos)
            ]
            sample = self.geobench.dataset.Sample(bands, label=label, sample_name=f"id_{index:04d}")
            sample.write(self.directory)
        self.geobench.task.TaskSpecifications(
            dataset_name="toy",
            bands_info=self.infos,
            spatial_resolution=10,
            patch_size=(SIZE, SIZE),
            n_time_steps=1,
            label_type=self.label_type,
        ).save(self.directory)
        self.write_partitions(len(labels))
        official = self.geobench.dataset.GeobenchDataset(self.directory)
        _, statistics = self.geobench.dataset.compute_dataset_statistics(official, n_value_per_image=None)
        text = self.geobench.dataset.json.dumps({name: s.to_dict() for name, s in statistics.items()})
        (self.directory / "band_stats.json").write_text(text)

    def write_partitions(self, n):
        names = [f"id_{index:04d}" for index in range(n)]
        partition = self.geobench.dataset.Partition({"train": names[2:], "valid": names[:1], "test": names[1:2]})
        partition.save(self.directory, "original", as_default=True)  # an absolute symbolic link
        fewer = self.geobench.dataset.Partition({"train": names[:1:-1][:2], "valid": names[:1], "test": names[1:2]})
        fewer.save(self.directory, "0.50x_train")


def assert_equal_reading(geobench, root, cache_dir):
    """Both readers over every sample of every partition, and ours from the arrays too; of a series the last date."""
    for ref in discover(root):
        official, ours = geobench.dataset.GeobenchDataset(ref.directory), open_dataset(ref)
        arrays = open_arrays(ours, cache_dir, Silent())
        task = official.task_specs
        assert [band.name for band in ours.bands] == [info.name for info in task.bands_info] == official.band_names
        assert [band.wavelength_um for band in ours.bands] == [info.wavelength for info in task.bands_info]
        assert ours.spec.n_classes == task.label_type.n_classes
        names = getattr(task.label_type, "class_name", None) or task.label_type.class_names
        assert list(ours.spec.class_names) == names
        assert sorted(ours.partitions()) == sorted(official.list_partitions())
        for name in ours.partitions():
            official.set_partition(name)
            found = ours.partition(name)
            splits = {"train": list(found.train), "valid": list(found.valid), "test": list(found.test)}
            assert splits == official.active_partition.partition_dict
        theirs = {name: statistics.to_dict() for name, statistics in official.band_stats.items()}
        assert {name: asdict(statistics) for name, statistics in ours.band_statistics().items()} == theirs
        for name in sorted(ours.samples):
            sample = official.get_sample(name)
            pixels, _, _ = sample.pack_to_4d(band_names=official.band_names, resample=True)
            expected = np.moveaxis(pixels[-1], -1, 0)  # (C, H, W)
            label = (
                sample.label.data
                if hasattr(sample.label, "data") and hasattr(sample.label, "band_info")
                else sample.label
            )
            read, row = ours.read_sample(name), arrays.rows([name])[0]
            np.testing.assert_array_equal(read.pixels, expected, strict=True)
            np.testing.assert_array_equal(arrays.pixels[row], expected)
            np.testing.assert_array_equal(read.label, label)
            np.testing.assert_array_equal(arrays.labels[row], label)


def sentinel2(geobench, resolution=None):
    """The package's thirteen bands, or those of one resolution."""
    bands = geobench.dataset.sentinel2_13_bands
    return [info for info in bands if resolution in (None, info.spatial_resolution)]


def test_single_label(geobench, tmp_path):
    label_type = geobench.label.Classification(3, ["a", "b", "c"])
    Writer(geobench, tmp_path, sentinel2(geobench, 10), label_type).write([0, 2, 1, np.int64(2)])
    assert_equal_reading(geobench, tmp_path, tmp_path / "cache")


def test_multi_label_as_array_and_as_list(geobench, tmp_path):
    label_type = geobench.label.MultiLabelClassification(3, ["a", "b", "c"])
    labels = [np.array([0, 1, 1]), [1, 0, 0], np.array([0.0, 0.0, 1.0]), [1, 1, 1]]
    Writer(geobench, tmp_path, sentinel2(geobench, 10), label_type).write(labels)
    assert_equal_reading(geobench, tmp_path, tmp_path / "cache")


def test_mask(geobench, tmp_path):
    label_type = geobench.dataset.SegmentationClasses("label", 10, 4, ["a", "b", "c", "d"])
    writer = Writer(geobench, tmp_path, sentinel2(geobench, 10), label_type, "segmentation_v1.0")
    masks = [writer.random.integers(0, 4, (SIZE, SIZE)).astype(np.uint8) for _ in range(4)]
    writer.write([geobench.dataset.Band(mask, label_type, 10) for mask in masks])
    assert_equal_reading(geobench, tmp_path, tmp_path / "cache")


@pytest.mark.parametrize(
    "dtypes", [("int16",), ("uint16",), ("uint8",), ("float32",), ("float64",), ("uint16", "int16", "float32")]
)
def test_bands_of_unequal_shape_and_type(geobench, tmp_path, dtypes):
    Writer(geobench, tmp_path, sentinel2(geobench), geobench.label.Classification(2, ["a", "b"])).write(
        [0, 1, 1], dtypes=dtypes
    )
    assert_equal_reading(geobench, tmp_path, tmp_path / "cache")


def test_dated_descriptors_that_differ_between_samples(geobench, tmp_path):
    dates = ((date(2018, 9, 27),), (date(2017, 1, 3),))
    Writer(geobench, tmp_path, sentinel2(geobench), geobench.label.Classification(2, ["a", "b"])).write(
        [0, 1, 1, 0], dates
    )
    assert_equal_reading(geobench, tmp_path, tmp_path / "cache")


def test_time_series_give_the_packages_last_date(geobench, tmp_path):
    dates = ((date(2018, 9, 27), date(2019, 3, 1), date(2018, 12, 31)), (date(2017, 1, 3), date(2016, 5, 5)))
    Writer(geobench, tmp_path, sentinel2(geobench, 10), geobench.label.Classification(2, ["a", "b"])).write(
        [0, 1, 1], dates
    )
    assert_equal_reading(geobench, tmp_path, tmp_path / "cache")


def test_class_names_of_the_past(geobench, tmp_path, monkeypatch):
    dataset, label, task = geobench.dataset, geobench.label, geobench.task
    for kind in (dataset.Sentinel2, dataset.Sentinel1, label.Classification, task.TaskSpecifications):
        monkeypatch.setattr(kind, "__module__", kind.__module__.replace("geobench.", "ccb.io."))
    infos = [*sentinel2(geobench, 10), dataset.Sentinel1("VV", ("vv",), 10)]
    writer = Writer(geobench, tmp_path, infos, label.Classification(2, ["a", "b"]))
    writer.write([0, 1, 1])
    assert b"ccb.io.task" in (writer.directory / "task_specs.pkl").read_bytes()
    assert b"ccb.io.dataset" in (writer.directory / "id_0000.hdf5").read_bytes()
    assert_equal_reading(geobench, tmp_path, tmp_path / "cache")


def test_positions_and_metadata_are_passed_over_unharmed(geobench, tmp_path):
    affine, crs = pytest.importorskip("affine"), pytest.importorskip("rasterio.crs")
    writer = Writer(geobench, tmp_path, sentinel2(geobench, 10)[:1], geobench.label.Classification(2, ["a", "b"]))
    writer.write([0, 1, 1])
    located = geobench.dataset.Band(
        writer.pixels(writer.infos[0]),
        writer.infos[0],
        10,
        transform=affine.Affine(10, 0, 605580, 0, -10, 6147240),
        crs=crs.CRS.from_epsg(32629),
        meta_info={"lat": np.float64(55.4), "id": np.str_("T29"), "when": date(2018, 5, 29), "shape": np.array([1, 2])},
    )
    geobench.dataset.Sample([located], label=1, sample_name="id_0001").write(writer.directory)
    assert_equal_reading(geobench, tmp_path, tmp_path / "cache")


def test_alternative_names_mean_the_same_bands(geobench, tmp_path):
    writer = Writer(geobench, tmp_path, sentinel2(geobench), geobench.label.Classification(2, ["a", "b"]))
    writer.write([0, 1, 1])
    bands = open_dataset(discover(tmp_path)[0]).bands
    for info in writer.infos:
        for name in (*info.alt_names, info.name):
            official = geobench.dataset.GeobenchDataset(writer.directory, band_names=(name,)).band_names
            assert plan_bands([name], bands, MissingBands.ERROR, "toy").sources == tuple(official)


def test_datasets_with_all_that_published_ones_have(geobench, any_patches, tmp_path):
    assert_equal_reading(geobench, any_patches, tmp_path / "cache")
