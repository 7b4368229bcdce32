"""What people say of no data in their images and masks: a value of a band, several values of masks."""

import numpy as np
import pytest

import harness as h
from harness.data.own.settings import read_settings
from harness.data.own.understand import write_understood
from harness.data.sources import open_dataset
from harness.data.suites import discover
from harness.errors import UserError
from harness.records.labels import IGNORED
from harness.records.progress import Silent

rasterio = pytest.importorskip("rasterio", reason="GeoTIFF files are read by rasterio, the extra `geo`")
N = 10


def write_tif(path, pixels):
    count, height, width = pixels.shape
    shape = {"count": count, "height": height, "width": width, "dtype": pixels.dtype}
    with rasterio.open(path, "w", driver="GTiff", **shape) as file:
        file.write(pixels)


@pytest.fixture
def root(tmp_path):
    """Images of two channels, of 0 and -9999 at two pixels, and a table of masks."""
    folder = tmp_path / "own"
    folder.mkdir()
    for i in range(N):
        pixels = np.full((2, 2, 2), 100 + i, np.int16)
        pixels[:, 0] = 0, -9999
        write_tif(folder / f"{i}.tif", pixels)
    (folder / "labels.csv").write_text("\n".join(["file,mask", *(f"{i}.tif,masks/m.tif" for i in range(N))]))
    (folder / "masks").mkdir()
    return folder


def opened(root, mask, toml="", **said):
    write_tif(root / "masks" / "m.tif", np.array(mask)[None])
    (root / "dataset.toml").write_text(f'labels = "labels.csv"\nbands = ["B02", "height"]\n{toml}')
    place = write_understood(root, read_settings(root, said), root.parent / "cache", Silent())
    (ref,) = discover(place)
    return open_dataset(ref)


MASK = np.array([[0, 1], [1, 0]], np.uint8)


@pytest.mark.parametrize(
    ("toml", "said", "values"),
    [
        ("no_data = -9999", {}, [-9999, -9999]),
        ("no_data = {B02 = 0, height = -9999}", {}, [0, -9999]),
        ("no_data = {B2 = 0}", {}, [0, None]),
        ("", {"no_data": ["B2=0", "height=-9999"]}, [0, -9999]),
        ("no_data = 0", {"no_data": ["height=-9999"]}, [None, -9999]),
        ("", {"no_data": ["-3.4028235e38"]}, [-3.4028235e38] * 2),
    ],
)
def test_no_data_is_said_of_all_bands_or_of_one(root, toml, said, values):
    dataset = opened(root, MASK, toml, **said)
    assert [(band.name, band.no_data) for band in dataset.bands] == list(zip(("B2", "height"), values, strict=True))


def test_example_values_are_those_that_are_data(root):
    examples = opened(root, MASK, "no_data = {B02 = 0, height = -9999}").understood.examples
    # B02 has -9999 as a value, height has 0
    assert [(least, most) for least, _, most in examples] == [(-9999, 109), (0, 109)]


def test_a_band_without_any_data_is_said_to_have_none(root):
    for i in range(N):
        write_tif(root / f"{i}.tif", np.stack([np.full((2, 2), 3), np.full((2, 2), -9999)]).astype(np.int16))
    assert opened(root, MASK, "no_data = -9999").understood.examples == ((3, 3, 3), ())


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ("B9=0", r"no_data: 'B9' is none of the bands B02 height"),
        ("height=low", r"--no-data: .* valid number"),
        ("low", r"--no-data: .* valid number"),
    ],
)
def test_no_data_that_cannot_be_is_one_line(root, said, error):
    with pytest.raises(UserError, match=error):
        opened(root, MASK, no_data=[said])


def test_several_values_of_masks_stand_for_no_label(root):
    mask = np.array([[0, 7], [9, 255]], np.uint8)
    usual = opened(root, mask)
    assert (usual.spec.class_names, usual.read_sample("0.tif").label.tolist()) == (("0", "7", "9"), [[0, 1], [2, 255]])
    fewer = opened(root, mask, "ignore = [0, 9]")
    assert fewer.spec.class_names == ("7", "255")
    assert fewer.read_sample("0.tif").label.tolist() == [[IGNORED, 0], [IGNORED, 1]]


def test_masks_of_floating_point_are_classes_where_that_is_said(root):
    mask = np.array([[0, np.nan], [3, -3.4e38]], np.float32)
    dataset = opened(root, mask, 'task = "segmentation"')
    assert dataset.spec.class_names == ("0", "3")
    assert dataset.read_sample("0.tif").label.tolist() == [[0, IGNORED], [1, IGNORED]]
    assert opened(root, mask).spec.label_kind == "pixel_regression", "where nothing is said"
    with pytest.raises(UserError, match=r"masks/m\.tif: this mask has the value 0\.5; whole numbers are classes"):
        opened(root, mask + np.float32(0.5), 'task = "segmentation"')


def test_arrays_of_a_notebook_take_the_same_words():
    pixels, masks = np.zeros((20, 2, 2, 2), np.int16), np.tile([[0, 7], [9, -1]], (20, 1, 1))
    mine = h.Dataset.from_arrays(pixels, masks, bands=["B4", "VV"], no_data={"VV": -9999}, ignore=(0, -1))
    assert [band.no_data for band in mine.described.bands] == [None, -9999]
    assert (mine.described.class_names, mine.labels[0].tolist()) == (("7", "9"), [[255, 0], [1, 255]])
    named = h.Dataset.from_arrays(pixels, masks % 8, bands=["B4", "VV"], class_names=list("abcdefgh"), no_data=0)
    assert ({band.no_data for band in named.described.bands}, named.labels[0].tolist()) == ({0}, [[0, 7], [1, 7]])
    heights = np.tile(np.array([[2.5, -3.4e38], [np.nan, 1]]), (20, 1, 1))
    np.testing.assert_array_equal(
        h.Dataset.from_arrays(pixels, heights, bands=["B4", "VV"]).labels[0], [[2.5, np.nan], [np.nan, 1]]
    )
    with pytest.raises(UserError, match=r"no_data: VH is none of the bands B4 VV"):
        h.Dataset.from_arrays(pixels, masks, bands=["B4", "VV"], no_data={"VH": 0})
