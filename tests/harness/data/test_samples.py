"""One sample from its file: which date, which shape, which label, and what happens to bad files."""

import os
import pickle
from datetime import date, datetime

import h5py
import numpy as np
import pytest

from geobench_files import BLUE, RED, band, dump, read_dataset, thing, write_dataset, write_sample, write_task
from harness.errors import UserError

EARLY, LATE, LATEST = date(2018, 1, 5), date(2018, 6, 30), date(2019, 2, 1)


@pytest.fixture
def directory(tmp_path):
    return write_dataset(tmp_path)


def read(tmp_path, name="id_0"):
    return read_dataset(tmp_path).read_sample(name)


def full(value, shape=(4, 4), dtype="uint16"):
    return np.full(shape, value, dtype)


def test_bands_come_in_the_order_of_the_specification(directory, tmp_path):
    write_sample(directory, "id_0", [(RED, full(4), None), (BLUE, full(2), None)], label=2)
    sample = read(tmp_path)
    assert sample.pixels[:, 0, 0].tolist() == [2, 4]
    assert (sample.pixels.dtype, sample.dates, int(sample.label)) == (np.uint16, (), 2)


def test_values_take_the_smallest_type_that_holds_every_band(directory, tmp_path):
    write_sample(directory, "id_0", [(RED, full(60_000), None), (BLUE, full(-5, dtype="int16"), None)])
    pixels = read(tmp_path).pixels
    assert pixels.dtype == np.int32
    assert pixels[:, 0, 0].tolist() == [-5, 60_000]


def test_a_time_series_gives_the_last_date_that_has_every_band(directory, tmp_path):
    bands = [(BLUE, full(1), EARLY), (RED, full(2), EARLY), (BLUE, full(5), LATEST)]
    bands += [(RED, full(4), LATE), (BLUE, full(3), LATE)]
    write_sample(directory, "id_0", bands)
    sample = read(tmp_path)
    assert sample.pixels[:, 0, 0].tolist() == [3, 4]
    assert sample.dates == (EARLY, LATE, LATEST)


def test_a_band_without_a_date_belongs_to_every_date(directory, tmp_path):
    write_sample(directory, "id_0", [(BLUE, full(1), LATE), (BLUE, full(2), EARLY), (RED, full(9), None)])
    assert read(tmp_path).pixels[:, 0, 0].tolist() == [1, 9]


def test_days_and_hours_can_be_compared(directory, tmp_path):
    hour = datetime(2018, 7, 1, 12)
    write_sample(
        directory, "id_0", [(BLUE, full(1), LATE), (RED, full(1), LATE), (BLUE, full(2), hour), (RED, full(2), hour)]
    )
    assert read(tmp_path).pixels[0, 0, 0] == 2


def test_smaller_bands_are_resampled_to_the_largest(directory, tmp_path):
    coarse = np.array([[0, 100], [200, 300]], np.uint16)
    write_sample(directory, "id_0", [(BLUE, full(7), None), (RED, coarse, None)])
    pixels = read(tmp_path).pixels
    assert pixels.shape == (2, 4, 4)
    # A spline through the samples: the corners are kept, and the rows rise evenly.
    assert pixels[1][::3, ::3].tolist() == coarse.tolist()
    assert (np.diff(pixels[1].astype(int)) > 0).all()


def test_a_band_of_other_proportions_cannot_be_resampled(directory, tmp_path):
    write_sample(directory, "id_0", [(BLUE, full(7), None), (RED, full(7, (2, 4)), None)])
    with pytest.raises(UserError, match=r"toy/id_0\.hdf5: band 04 - Red has 2 x 4 pixels, which cannot fill 4 x 4"):
        read(tmp_path)


def test_a_missing_band_is_named(directory, tmp_path):
    write_sample(directory, "id_0", [(BLUE, full(7), None)])
    with pytest.raises(UserError, match=r"toy/id_0\.hdf5: has no band 04 - Red, which task_specs\.pkl lists"):
        read(tmp_path)


def test_a_series_without_a_complete_date_is_refused(directory, tmp_path):
    write_sample(directory, "id_0", [(BLUE, full(7), EARLY), (RED, full(7), LATE)])
    with pytest.raises(UserError, match=r"id_0\.hdf5: has no band .* on any one date"):
        read(tmp_path)


@pytest.mark.parametrize(
    "pixels", [full(1, (4, 4, 3)), full(1, (0, 4)), full(1, (4,)), full(b"a", dtype="S1")], ids=str
)
def test_a_band_that_is_no_image_is_refused(directory, tmp_path, pixels):
    write_sample(directory, "id_0", [(BLUE, pixels, None), (RED, full(1), None)])
    with pytest.raises(UserError, match=r"toy/id_0\.hdf5: 02 - Blue has shape .* numbers in two dimensions are wanted"):
        read(tmp_path)


def test_a_band_that_declares_a_huge_size_is_refused_before_memory_is_taken(directory, tmp_path):
    with h5py.File(directory / "id_0.hdf5", "a") as file:
        del file["02 - Blue"]
        file.create_dataset("02 - Blue", shape=(2**20, 2**20), dtype="u2", chunks=(64, 64))
    with pytest.raises(UserError, match=r"its 2 bands and masks take \d+ bytes; at most 268435456 are read"):
        read(tmp_path)


def test_hyperspectral_cubes_are_passed_over(directory, tmp_path):
    cube = thing("HyperSpectralBands", name="Neon", alt_names=(), n_bands=3)
    write_task(directory, [cube, BLUE])
    write_sample(directory, "id_0", [(cube, full(1, (2, 2, 3)), None), (BLUE, full(7), None)])
    assert read(tmp_path).pixels.shape == (1, 4, 4)


# Labels


def multi_label(directory, label):
    write_task(directory, [BLUE], thing("MultiLabelClassification", n_classes=3))
    write_sample(directory, "id_0", [(BLUE, full(1), None)], label=label)


def mask(directory, values, n_classes=3):
    write_task(directory, [BLUE], thing("SegmentationClasses", n_classes=n_classes))
    write_sample(directory, "id_0", [(BLUE, full(1), None)], mask=np.asarray(values))


@pytest.mark.parametrize("label", [2, np.int64(2), np.uint8(2)], ids=repr)
def test_a_class_index_may_be_any_integer(directory, tmp_path, label):
    write_sample(directory, "id_0", [(BLUE, full(1), None), (RED, full(1), None)], label=label)
    found = read(tmp_path).label
    assert (found.dtype, found.shape, int(found)) == (np.int64, (), 2)


@pytest.mark.parametrize(
    ("label", "said"),
    [
        (3, "its label 3 is none of the classes 0 to 2"),
        (-1, "its label -1 is none"),
        (1.0, "its label is a float; a class index of 0 to 2 is wanted"),
        ([0, 1, 0], "its label is a list of 3 values"),
        (None, "its label is missing"),
        (True, "its label is a bool"),
        (2**300, "its label 2.*e.90 is none"),
    ],
)
def test_a_wrong_class_index_is_refused(directory, tmp_path, label, said):
    write_sample(directory, "id_0", [(BLUE, full(1), None), (RED, full(1), None)], label=label)
    with pytest.raises(UserError, match=rf"^toy/id_0\.hdf5: {said}"):
        read(tmp_path)


@pytest.mark.parametrize("label", [[0, 1, 1], np.array([0, 1, 1]), np.array([0.0, 1.0, 1.0]), (0, True, 1)], ids=repr)
def test_a_multi_label_is_a_vector_of_0_and_1_kept_as_list_or_array(directory, tmp_path, label):
    multi_label(directory, label)
    found = read(tmp_path).label
    assert (found.dtype, found.tolist()) == (np.uint8, [0, 1, 1])


@pytest.mark.parametrize(
    ("label", "said"),
    [
        ([0, 1], "its label is a list of 2 values; 3 values of 0 or 1 are wanted"),
        (np.zeros((3, 1)), "its label is an array of shape"),
        ([0, 1, 2], "its label has values other than 0 and 1"),
        ([0, 1, "1"], "its label has values other than 0 and 1"),
        (np.array([0, np.nan, 1]), "its label has values other than 0 and 1"),
        (1, "its label is a int; 3 values"),
    ],
)
def test_a_wrong_multi_label_is_refused(directory, tmp_path, label, said):
    multi_label(directory, label)
    with pytest.raises(UserError, match=rf"^toy/id_0\.hdf5: {said}"):
        read(tmp_path)


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float32", "bool"])
def test_a_mask_is_uint8_whatever_it_is_stored_as(directory, tmp_path, dtype):
    values = np.arange(16).reshape(4, 4) % 2
    mask(directory, values.astype(dtype))
    found = read(tmp_path).label
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, values)


def test_pixels_without_a_label_are_255_whether_stored_as_that_or_as_minus_one(directory, tmp_path):
    for ignored in (-1, 255):
        values = np.zeros((4, 4), np.int16)
        values[1, 2] = ignored
        mask(directory, values)
        assert np.argwhere(read(tmp_path).label == 255).tolist() == [[1, 2]]


@pytest.mark.parametrize(
    ("values", "n_classes", "said"),
    [
        (full(3), 3, "its mask has the value 3; classes are 0 to 2, and -1 or 255"),
        (full(0.5, dtype="float32"), 3, "its mask has the value 0.5"),
        (full(0, (2, 2)), 3, "its mask has 2 x 2 pixels, its image 4 x 4"),
        (full(0), 256, "masks of 256 classes"),
    ],
)
def test_a_wrong_mask_is_refused(directory, tmp_path, values, n_classes, said):
    mask(directory, values, n_classes)
    with pytest.raises(UserError, match=rf"^toy/id_0\.hdf5: {said}"):
        read(tmp_path)


def test_a_sample_without_its_mask_is_refused(directory, tmp_path):
    mask(directory, full(0))
    write_sample(directory, "id_0", [(BLUE, full(1), None)], label=None)
    with pytest.raises(UserError, match="its label is missing; a mask of two dimensions is wanted"):
        read(tmp_path)


# Damaged files


def test_a_truncated_file_means_an_incomplete_download(directory, tmp_path):
    path = directory / "id_0.hdf5"
    whole = path.read_bytes()
    for length in (0, 7, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(
            UserError, match=r"^toy/id_0\.hdf5: cannot be read \(.*\): the download is incomplete"
        ) as caught:
            read(tmp_path)
        assert "\n" not in str(caught.value)


def test_an_absent_file_means_an_incomplete_download(directory, tmp_path):
    (directory / "id_0.hdf5").unlink()
    with pytest.raises(UserError, match=r"toy/id_0\.hdf5: is missing, the download is incomplete"):
        read(tmp_path)


def test_a_description_that_runs_a_command_is_refused_and_not_run(directory, tmp_path):
    class Evil:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path / 'marker'}",)

    with h5py.File(directory / "id_0.hdf5", "a") as file:
        file.attrs["pickle"] = str(pickle.dumps(Evil()))
    with pytest.raises(UserError, match=r"toy/id_0\.hdf5: holds the Python object \w+\.system.* nothing of it was run"):
        read(tmp_path)
    assert not (tmp_path / "marker").exists()


@pytest.mark.parametrize(
    "attribute",
    [
        "__import__('os').system('true')",
        "b'abc",
        "[" * 100_000,
        "'text'",
        str(dump([1])),
        str(dump({"bands_order": 3})),
        str(dump({"bands_order": ["02 - Blue"]})),
        str(dump({"bands_order": ["02 - Blue"], "02 - Blue": {"band_info": band("02 - Blue"), "date": 3}})),
        7,
    ],
    ids=["call", "open", "deep", "text", "list", "order", "undescribed", "date", "number"],
)
def test_a_damaged_description_is_a_user_error(directory, tmp_path, attribute):
    with h5py.File(directory / "id_0.hdf5", "a") as file:
        file.attrs["pickle"] = attribute
    with pytest.raises(UserError, match=r"^toy/id_0\.hdf5: .*Download the file again"):
        read(tmp_path)


def test_a_band_described_but_not_stored_is_a_user_error(directory, tmp_path):
    with h5py.File(directory / "id_0.hdf5", "a") as file:
        del file["02 - Blue"]
    with pytest.raises(UserError, match=r"^toy/id_0\.hdf5: cannot be read"):
        read(tmp_path)


# Values that are none


def test_the_fill_value_that_a_dataset_declares_is_no_data(directory, tmp_path):
    for fill in (-9999.0, np.finfo(np.float32).min):
        write_sample(directory, "id_0", [(BLUE, full(7), None), (RED, full(7), None)])
        values = full(2.5, dtype="float32")
        values[1, 2] = fill
        with h5py.File(directory / "id_0.hdf5", "a") as file:
            del file["02 - Blue"]
            file.create_dataset("02 - Blue", data=values, fillvalue=fill)
        pixels = read(tmp_path).pixels[0]
        assert np.argwhere(np.isnan(pixels)).tolist() == [[1, 2]]
        assert np.nanmax(pixels) == np.nanmin(pixels) == 2.5


@pytest.mark.parametrize("fill", [np.float32(-3.4028235e38), 9.969209968386869e36, 1e300, np.nan])
def test_a_value_that_nothing_measures_is_no_data_and_does_not_spread_as_its_band_is_resampled(
    directory, tmp_path, fill
):
    values = full(2.5, dtype="float64")
    values[1, 2] = fill
    write_sample(directory, "id_0", [(BLUE, np.full((8, 8), 7.0), None), (RED, values, None)])
    blue, red = read(tmp_path).pixels
    assert (blue == 7).all()
    np.testing.assert_allclose(red[np.isfinite(red)], 2.5, rtol=1e-5)
    missing = np.argwhere(np.isnan(red))
    assert 1 <= len(missing) <= 9
    assert (np.abs(missing - [7 / 3, 14 / 3]) <= 2).all(), "around pixel (1, 2) of 4 x 4, seen in 8 x 8"


def test_zero_nan_and_infinity_stay_as_they_are_stored(directory, tmp_path):
    values = np.array([[0, np.nan, np.inf, -np.inf]] * 4, np.float32)
    write_sample(directory, "id_0", [(BLUE, full(7), None), (RED, full(7), None)])
    with h5py.File(directory / "id_0.hdf5", "a") as file:
        del file["02 - Blue"]
        file.create_dataset("02 - Blue", data=values, fillvalue=0.0)
    np.testing.assert_array_equal(read(tmp_path).pixels[0], values)
