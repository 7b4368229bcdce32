"""What people's folders have wrong: each is one line that names it, and nothing is guessed."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from command_line import harness
from harness.data.own.settings import read_settings
from harness.data.own.understand import write_understood
from harness.data.sources import open_dataset
from harness.data.suites import discover
from harness.errors import UserError
from harness.records.progress import Silent
from own_chips import rasterio, write_chip
from own_images import write_classes, write_picture


def understand(root, tmp_path, **said):
    place = write_understood(root, read_settings(root, said), tmp_path / "cache", Silent())
    return open_dataset(discover(place)[0])


def table(root, lines):
    (root / "labels.csv").write_text("file,label\n" + "\n".join(lines), "utf-8")
    return {"labels": "labels.csv"}


def empty_folder(root):
    root.mkdir()
    return {}, "no image found; files of .jpg .jpeg .png .tif .tiff are wanted, in a sub-folder a class"


def one_class(root):
    write_classes(root, classes={"dark": 40})
    return {}, "one class only, 'dark'; at least two sub-folders with images are wanted"


def one_class_in_a_table(root):
    write_classes(root, n=5)
    said = table(root, [f"{name}/{i}.png,field" for name in ("dark", "light") for i in range(5)])
    return said, "labels of column label: 1 classes of single_label; from 2 to "


def a_file_twice_in_the_table(root):
    write_classes(root, n=5)
    return table(root, ["dark/1.png,a", "dark/2.png,b", "dark/1.png,b"]), (
        "--labels labels.csv: dark/1.png is there more than once. Keep one row an image"
    )


def a_label_without_an_image(root):
    write_classes(root, n=5)
    return table(root, ["dark/1.png,a", "dark/99.png,b"]), (
        "--labels labels.csv: dark/99.png is labelled, but no such image lies in "
    )


def no_table(root):
    write_classes(root, n=5)
    return {"labels": "labels.csv"}, "--labels labels.csv: no such table in "


def a_table_without_rows(root):
    write_classes(root, n=5)
    return table(root, []), "--labels labels.csv: has no row below its headings"


def bands_that_nobody_names(root):
    for i in range(6):
        write_chip(root / "ab"[i % 2] / f"{i}.tif", np.zeros((4, 8, 8), np.uint16))
    return {}, "a/0.tif: its 4 channels have no names. Say --bands B2,B3,B4,... in their order, or one of rgb"


def other_bands_than_there_are(root):
    write_classes(root, n=5)
    return {"bands": ("B2", "B3")}, "--bands names 2 bands (B2 B3); dark/0.png has 3 channels"


def two_types(root):
    write_classes(root, n=5)
    write_chip(root / "dark" / "9.tif", np.zeros((3, 8, 8), np.uint16), ("red", "green", "blue"))
    return {}, "dark/9.tif has values of type uint16, dark/0.png has uint8: all images of a dataset must be alike"


def a_palette_of_one_channel(root):
    write_classes(root, n=5)
    write_picture(root / "dark" / "1.png", mode="P")
    return {}, "dark/1.png: its numbers stand for the colours of a palette. Convert it to an 8-bit RGB picture"


def a_picture_of_16_bits_among_colours(root):
    write_classes(root, n=5)
    Image.fromarray(np.zeros((8, 8), np.uint16)).save(root / "dark" / "1.png")
    return {}, "dark/1.png has channels 1, dark/0.png has 3"


def inks(root):
    write_classes(root, n=5)
    write_picture(root / "light" / "1.jpg", mode="CMYK")
    return {}, "light/1.jpg: its four channels are inks. Convert it to an 8-bit RGB picture"


def a_link_out_of_the_folder(root):
    write_classes(root, n=5)
    (root / "dark" / "x.png").symlink_to(write_picture(root.parent / "elsewhere.png"))
    return {}, "dark/x.png: is a link that leads out of "


def a_raster_that_declares_too_much(root):
    write_classes(root, n=5)
    shape = {"count": 3, "height": 50_000, "width": 50_000, "dtype": "uint8"}
    rasterio.open(root / "dark" / "x.tif", "w", driver="GTiff", tiled=True, sparse_ok=True, **shape).close()
    return {}, "dark/x.tif: 50000 x 50000 px are more than an image may have. Cut it into chips"


def a_comma_in_the_name(root):
    write_classes(root, n=5)
    return {"name": "fields, 2024"}, "a dataset cannot be called 'fields, 2024'. Name it by --name, without comma"


def nothing_readable(root):
    for i in range(4):
        (root / "ab"[i % 2]).mkdir(parents=True, exist_ok=True)
        (root / "ab"[i % 2] / f"{i}.png").write_bytes(b"no picture")
    return {}, "no image can be read; a/0.png: cannot be read as an image"


def too_few_to_split(root):
    write_classes(root, n=1)
    return {}, "has no image; there are 2 images. Give some to each split"


FAULTS = [
    empty_folder, one_class, one_class_in_a_table, a_file_twice_in_the_table, a_label_without_an_image, no_table,
    a_table_without_rows, bands_that_nobody_names, other_bands_than_there_are, two_types, a_palette_of_one_channel,
    a_picture_of_16_bits_among_colours, inks, a_link_out_of_the_folder, a_raster_that_declares_too_much,
    a_comma_in_the_name, nothing_readable, too_few_to_split,
]  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_fault_is_one_line_that_names_it(fault, tmp_path):
    said, wanted = fault(tmp_path / "my fields")
    with pytest.raises(UserError) as refused:
        understand(tmp_path / "my fields", tmp_path, **said)
    assert wanted in str(refused.value)
    assert "\n" not in str(refused.value)


def declared(width, height):
    """A PNG of a few bytes that says it has so many pixels of three colours."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


@pytest.mark.parametrize(("side", "told"), [(12_000, "12000 x 12000 px are more"), (100_000, "declares more pixels")])
def test_a_bomb_is_refused_before_it_takes_memory(tmp_path, side, told):
    root = write_classes(tmp_path / "fields", n=5)
    (root / "dark" / "bomb.png").write_bytes(declared(side, side))
    with pytest.raises(UserError, match=rf"dark/bomb\.png: {told} than an image may have. Cut it into chips"):
        understand(root, tmp_path)


def test_images_that_the_table_leaves_out_are_told(tmp_path):
    root = write_classes(tmp_path / "fields", n=12)
    rows = [f"{name}/{i}.png,{name}" for name in ("dark", "light") for i in range(10)]
    (note,) = understand(root, tmp_path, **table(root, rows)).understood.notes
    assert note == "4 images have no label and are left out: dark/10.png (and 3 more)"


def test_spaces_unicode_and_commas_in_names_are_names(tmp_path):
    root = write_classes(tmp_path / "Äcker, süd", n=8, classes={"Öl baum": 40, "麦 畑": 150})
    dataset = understand(root, tmp_path, name="Äcker süd")
    assert dataset.suite == "user:Äcker süd"
    assert dataset.spec.class_names == ("Öl baum", "麦 畑")
    assert dataset.read_sample("麦 畑:3.png").label == 1


def test_systems_of_coordinates_may_differ_and_are_told(tmp_path):
    for i in range(20):
        pixels = np.full((3, 8, 8), i, np.uint8)
        write_chip(
            tmp_path / "c" / "ab"[i % 2] / f"{i}.tif", pixels, ("red", "green", "blue"),
            crs=("EPSG:32632", "EPSG:3857")[i // 10], east=5_000 * i,
        )  # fmt: skip
    (note,) = understand(tmp_path / "c", tmp_path).understood.notes
    assert note == "images in 2 coordinate systems (EPSG:32632, EPSG:3857); places are compared"


def test_options_of_own_images_without_any_are_refused(tmp_path):
    done = harness("run", "--backbone", "image_statistics", "--bands", "rgb", cwd=tmp_path)
    assert (done.returncode, done.stderr.strip()) == (2, "error: --bands: is of images of your own. Say --data DIR too")
