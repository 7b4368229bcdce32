"""GeoTIFF files and tables become datasets: bands, no data, sizes, each kind of labels; what does not fit is named."""

import json

import numpy as np
import pytest

from harness.data.own.settings import read_settings
from harness.data.own.understand import write_understood
from harness.data.sources import open_dataset
from harness.data.suites import discover
from harness.errors import UserError
from harness.records.progress import Silent
from own_chips import write_chip
from own_images import write_classes, write_picture

N = 20


def write_chips(root, columns, n=N, apart_m=5_000, n_bands=12):
    """Chips of uint16 that are a kilometre or more apart, and a table with `columns` of a word a chip."""
    for i in range(n):
        pixels = np.full((n_bands, 8, 8), 1000 + i, np.uint16)
        pixels[:, 0, 0] = 65535
        write_chip(root / f"chip {i:02}.tif", pixels, east=apart_m * i, nodata=65535)
    lines = [",".join(("file", *columns))]
    lines += [",".join((f"chip {i:02}.tif", *(of[i] for of in columns.values()))) for i in range(n)]
    (root / "labels.csv").write_text("\n".join(lines))
    return root


def opened(tmp_path, root, **said):
    place = write_understood(root, read_settings(root, said), tmp_path / "cache", Silent())
    (ref,) = discover(place)
    return open_dataset(ref)


TWELVE = {"labels": "labels.csv", "bands": ("sentinel2-l2a-12",)}
CLASSES = ["wheat" if i % 2 else "maize" for i in range(N)]


def test_chips_of_twelve_bands_with_a_table(tmp_path):
    dataset = opened(tmp_path, write_chips(tmp_path / "my, chips", {"label": CLASSES}), name="chips", **TWELVE)
    assert [band.name for band in dataset.bands[:2]] == ["B1", "B2"]
    assert (dataset.bands[7].wavelength_um, {band.no_data for band in dataset.bands}) == (0.842, {65535})
    assert (dataset.suite, dataset.spec.class_names) == ("user:chips", ("maize", "wheat"))
    sample = dataset.read_sample("chip 03.tif")
    assert (sample.pixels.shape, sample.pixels.dtype, sample.label.item()) == ((12, 8, 8), np.uint16, 1)
    assert sample.place == pytest.approx((9.2, 46.9), abs=0.1)


def test_several_labels_numbers_and_masks(tmp_path):
    write_chip(
        tmp_path / "all" / "masks" / "m.tif", np.array([[[10, 30], [30, 255]]], np.uint8).repeat(4, 1).repeat(4, 2)
    )
    root = write_chips(
        tmp_path / "all",
        {
            "labels": ["wheat;rye" if i % 2 else "" for i in range(N)],
            "value": [f"{i / 2}" for i in range(N)],
            "mask": ["masks/m.tif"] * N,
        },
    )
    several = opened(tmp_path, root, **TWELVE)
    assert several.spec.class_names == ("rye", "wheat")
    assert several.read_sample("chip 03.tif").label.tolist() == [1, 1]
    numbers = opened(tmp_path, root, label_column=("value",), **TWELVE)
    assert (numbers.spec.label_kind, numbers.read_sample("chip 03.tif").label.tolist()) == ("regression", [1.5])
    masks = opened(tmp_path, root, label_column=("mask",), **TWELVE)
    assert masks.spec.class_names == ("10", "30")
    assert masks.read_sample("chip 03.tif").label[[0, 0, 7], [0, 7, 7]].tolist() == [0, 1, 255]


def test_dataset_toml_says_it_once_and_the_command_line_goes_before(tmp_path):
    root = write_chips(tmp_path / "chips", {"label": CLASSES}, n_bands=2)
    (root / "dataset.toml").write_text('labels = "labels.csv"\nbands = ["VV", "VH"]\nunit = "dB"\nno_data = -9999\n')
    dataset = opened(tmp_path, root, no_data=0.0)
    assert [(band.name, band.kind, str(band.unit), band.no_data) for band in dataset.bands] == [
        ("VV", "Sentinel1", "dB", 0.0), ("VH", "Sentinel1", "dB", 0.0),
    ]  # fmt: skip
    (root / "dataset.toml").write_text("band = 1")
    with pytest.raises(UserError, match=r"dataset\.toml: band: .*; there are: name, labels,"):
        opened(tmp_path, root)


def test_images_of_another_size_are_cropped_and_an_unreadable_one_is_named(tmp_path):
    root = write_chips(tmp_path / "chips", {"label": CLASSES})
    write_chip(root / "chip 03.tif", np.full((12, 4, 12), 7, np.uint16), nodata=65535)
    (root / "chip 04.tif").write_bytes((root / "chip 04.tif").read_bytes()[:300])
    dataset = opened(tmp_path, root, **TWELVE)
    assert "chip 04.tif" not in dataset.samples
    assert dataset.understood.notes[0].startswith("1 image is left out: chip 04.tif: cannot be read")
    assert np.isnan(dataset.read_sample("chip 03.tif").pixels[0, :, 0]).tolist() == [1, 1, 0, 0, 0, 0, 1, 1]


def test_neighbours_in_two_splits_are_warned_of_and_blocks_keep_them_together(tmp_path):
    root = write_chips(tmp_path / "chips", {"label": CLASSES}, apart_m=100)
    (note,) = opened(tmp_path, root, **TWELVE).understood.notes
    assert "4 of 4 test images lie within 1 km of one in another split" in note
    for i in range(N):
        write_chip(
            root / f"chip {i:02}.tif", np.zeros((12, 8, 8), np.uint16), east=40_000 * (i // 2) + 100 * i, nodata=65535
        )
    blocks = opened(tmp_path, root, block_km=20, **TWELVE)
    assert blocks.understood.notes == ()
    assert len(blocks.partition("default").test) == 4


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ({"bands": ()}, "its 12 channels have no names. Say --bands B2,B3,B4"),
        ({"bands": ("B2", "B3")}, r"--bands names 2 bands \(B2 B3\); chip 00.tif has 12 channels"),
        ({"label_column": ("crop",)}, "no column 'crop' of labels; the table has file, label"),
        ({"task": "regression"}, "chip 00.tif: a number is wanted in column label, 'maize' found"),
        ({"group_by": "farm"}, "--group-by farm: no such column; there are file, label"),
        ({"unit": "reflectances"}, "--unit: Input should be 'reflectance'"),
        ({"block_km": -1.0}, "--block-km: Input should be greater than 0"),
        ({"name": "a,b"}, "a dataset cannot be called 'a,b'"),
    ],
)
def test_what_is_said_wrongly_is_one_line(tmp_path, said, error):
    root = write_chips(tmp_path / "chips", {"label": CLASSES}, n=10)
    with pytest.raises(UserError, match=error):
        opened(tmp_path, root, **(TWELVE | said))


def test_images_that_are_not_alike_are_named(tmp_path):
    root = write_chips(tmp_path / "chips", {"label": CLASSES})
    write_chip(root / "chip 05.tif", np.zeros((12, 8, 8), np.float32), nodata=65535)
    with pytest.raises(UserError, match=r"chip 05\.tif has values of type float32, chip 00\.tif has uint16"):
        opened(tmp_path, root, **TWELVE)
    write_chip(root / "chip 05.tif", np.zeros((12, 8, 8), np.uint16), crs="EPSG:32633", nodata=65535)
    notes = opened(tmp_path, root, **TWELVE).understood.notes
    assert notes[0].startswith("images in 2 coordinate systems (EPSG:32632, EPSG:32633)")


def test_files_that_changed_are_looked_at_again_and_others_are_not(tmp_path):
    root = write_classes(tmp_path / "fields", n=5)
    first = opened(tmp_path, root).directory
    assert opened(tmp_path, root).directory == first
    write_picture(root / "dark" / "9.png", 40)
    assert opened(tmp_path, root).directory != first
    damaged = first / "dataset.json"
    damaged.write_text(json.dumps({**json.loads(damaged.read_text()), "format": "x"}))
    with pytest.raises(UserError, match=r"dataset\.json: format"):
        open_dataset(discover(first.parents[1])[0])
