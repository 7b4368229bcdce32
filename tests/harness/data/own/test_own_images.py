"""Pictures whose numbers are no tones are refused in one line; others are read as they are stored."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from harness.data.own.fitting import fit_image, fit_mask
from harness.data.own.images import UnreadableError, open_image, open_mask
from harness.data.own.settings import Fit
from harness.errors import UserError
from own_images import write_picture


def test_a_picture_has_its_channels_by_name(tmp_path):
    assert open_image(write_picture(tmp_path / "a.jpg"), "a.jpg").names == ("red", "green", "blue")
    grey = open_image(write_picture(tmp_path / "b.png", mode="L"), "b.png")
    assert (grey.names, grey.pixels.shape, grey.pixels.dtype) == (("gray",), (1, 8, 8), np.uint8)
    opaque = open_image(write_picture(tmp_path / "c.png", mode="RGBA"), "c.png")
    assert (opaque.names, opaque.pixels.shape) == (("red", "green", "blue"), (3, 8, 8))


def test_16_bits_of_one_channel_are_kept(tmp_path):
    values = np.arange(16, dtype=np.uint16).reshape(4, 4) * 4000
    Image.fromarray(values).save(tmp_path / "a.png")
    np.testing.assert_array_equal(open_image(tmp_path / "a.png", "a.png").pixels, values[None])


@pytest.mark.parametrize(
    ("name", "mode", "said"),
    [
        ("a.png", "P", "a.png: its numbers stand for the colours of a palette. Convert it"),
        ("a.jpg", "CMYK", "a.jpg: its four channels are inks. Convert it"),
        ("a.png", "1", "a.png: it is black and white"),
    ],
)
def test_other_numbers_than_tones_are_refused(tmp_path, name, mode, said):
    with pytest.raises(UserError, match=said):
        open_image(write_picture(tmp_path / name, mode=mode), name)


def test_colours_of_16_bits_are_not_cut_to_8(tmp_path):
    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 2, 16, 2, 0, 0, 0))
    data = chunk(b"IDAT", zlib.compress(2 * (b"\0" + bytes(12))))
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + header + data + chunk(b"IEND", b""))
    with pytest.raises(UserError, match="16 bits a channel of mode RGB would be cut to 8"):
        open_image(tmp_path / "a.png", "a.png")


def test_a_damaged_file_is_told_from_a_refused_one(tmp_path):
    whole = write_picture(tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UnreadableError, match=r"a\.png: cannot be read as an image"):
        open_image(tmp_path / "a.png", "a.png")


def test_the_indices_of_a_palette_are_a_mask(tmp_path):
    mask = Image.fromarray(np.array([[0, 1], [2, 1]], np.uint8), "P")
    mask.putpalette([0, 0, 0, 9, 9, 9, 5, 5, 5])
    mask.save(tmp_path / "m.png")
    assert open_mask(tmp_path / "m.png", "m.png").tolist() == [[0, 1], [2, 1]]


def test_a_crop_takes_the_middle_and_what_it_lacks_is_no_data():
    pixels = np.arange(9, dtype=np.uint8).reshape(1, 3, 3)
    assert fit_image(pixels, (1, 1), Fit.CROP).tolist() == [[[4]]]
    wider = fit_image(pixels, (3, 5), Fit.CROP)
    assert (wider.dtype, np.isnan(wider[0, :, [0, 4]]).all()) == (np.float32, True)
    assert wider[0, :, 1:4].tolist() == pixels[0].tolist()
    assert fit_mask(pixels[0], (3, 4), Fit.CROP, 255)[:, 3].tolist() == [255, 255, 255]


def test_resampling_keeps_the_type_and_masks_take_no_new_value():
    pixels = np.full((2, 4, 4), 7, np.uint16)
    small = fit_image(pixels, (2, 2), Fit.RESAMPLE)
    assert (small.dtype, small.tolist()) == (np.uint16, [[[7, 7], [7, 7]]] * 2)
    mask = np.array([[0, 9], [9, 0]], np.int32)
    assert set(fit_mask(mask, (5, 5), Fit.RESAMPLE, 255).flat) == {0, 9}
