"""Images as arrays: pictures are read by Pillow, GeoTIFF files by rasterio (the extra `geo`)."""

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

import mp_mae.errors
from baselines.bands import RGB
from harness.data.files.budgets import SAMPLE_BYTES
from harness.data.files.regular_file import check_regular
from harness.errors import NotHereError, UserError
from mp_mae.files.geotiff import open_geotiff

_RASTERS = (".tif", ".tiff")
SUFFIXES = (".jpg", ".jpeg", ".png", *_RASTERS)

_PICTURES = {"L": ("gray",), "I;16": ("gray",), "RGB": RGB, "RGBA": RGB}
"""Modes of Pillow whose numbers are measurements or tones -> the names of their channels."""
_REFUSED = {
    "P": "its numbers stand for the colours of a palette",
    "CMYK": "its four channels are inks",
    "1": "it is black and white",
}


class UnreadableError(UserError):
    """A file that is damaged, or no image."""


@dataclass(frozen=True, eq=False, kw_only=True)
class OpenedImage:
    """An image, and what its file says of it."""

    pixels: np.ndarray
    """(C, H, W) as stored."""
    names: tuple[str, ...]
    """Of the channels; empty where the file does not say."""
    no_data: float | None = None
    crs: str | None = None
    place: tuple[float, float] | None = None
    """Longitude and latitude of its middle in degrees (WGS 84)."""


def open_image(path: Path, where: str) -> OpenedImage:
    """Read an image.

    Raises:
        UnreadableError: it is damaged or no image; begins with `where`.
        UserError: its numbers are neither measurements nor tones, or too many.
    """
    return _open(path, where, as_mask=False)


def open_mask(path: Path, where: str) -> np.ma.MaskedArray:
    """Read the one channel of a mask, (H, W); masked where the file has its value for no data. Of a palette it takes
    the indices. Raises as `open_image`, and where there are several channels."""
    opened = _open(path, where, as_mask=True)
    if len(opened.pixels) != 1:
        raise UserError(f"{where}: a mask of one channel is wanted, {len(opened.pixels)} found")
    (mask,) = opened.pixels
    no_data = opened.no_data
    return np.ma.masked_array(mask, np.zeros(mask.shape, bool) if no_data is None else _equals(mask, no_data))


def _open(path: Path, where: str, *, as_mask: bool) -> OpenedImage:
    try:
        check_regular(path, where)
        return _read_raster(path, where) if path.suffix.casefold() in _RASTERS else _read_picture(path, where, as_mask)
    except Image.DecompressionBombError:
        raise UserError(f"{where}: declares more pixels than an image may have. Cut it into chips") from None
    except (OSError, ValueError, SyntaxError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UnreadableError(f"{where}: cannot be read as an image ({reason})") from None


def _read_picture(path: Path, where: str, as_mask: bool) -> OpenedImage:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # its size is checked below
        opened = Image.open(path, formats=("JPEG", "PNG"))
    with opened as picture:
        mode, depth = picture.mode, _stored_depth(picture)
        _check_size(picture.width, picture.height, 8 * len(picture.getbands()), where)
        if as_mask and mode in ("P", "1", "I"):
            return OpenedImage(pixels=np.array(picture, np.int32)[None], names=())
        if mode not in _PICTURES or (depth == 16 and mode != "I;16"):
            why = _REFUSED.get(mode, f"{depth} bits a channel of mode {mode} would be cut to 8")
            raise UserError(f"{where}: {why}. Convert it to an 8-bit RGB picture, or to GeoTIFF to keep its numbers")
        pixels = np.array(picture)
    if mode == "RGBA" and not (pixels[..., 3] == 255).all():
        raise UserError(f"{where}: is transparent in places. Convert it to GeoTIFF with a value for no data")
    names = _PICTURES[mode]
    return OpenedImage(pixels=np.atleast_3d(pixels)[..., : len(names)].transpose(2, 0, 1), names=names)


def _stored_depth(picture: Image.Image) -> int:
    """Bits of a channel in the file, which Pillow may cut to 8 as it loads."""
    tiles = getattr(picture, "tile", ())  # (decoder, box, offset, how the numbers lie)
    return 16 if any(";16" in str(tile[3]) for tile in tiles) else 8


def _read_raster(path: Path, where: str) -> OpenedImage:
    try:
        with open_geotiff(path, where) as file:
            _check_size(file.width, file.height, file.count * np.dtype(file.dtypes[0]).itemsize, where)
            pixels, place = file.read(), _middle(file) if file.crs else None
            named = [text.strip() for text in file.descriptions if text]
            colours = [colour.name for colour in file.colorinterp]
            crs, no_data = str(file.crs) if file.crs else None, file.nodata
    except mp_mae.errors.NotHereError as error:
        raise NotHereError(str(error)) from None
    if pixels.dtype.kind not in "iuf":
        raise UserError(f"{where}: real numbers are wanted, {pixels.dtype} found")
    is_picture = pixels.dtype == np.uint8 and colours == list(RGB)
    names = tuple(named) if len(named) == len(pixels) else RGB if is_picture else ()
    return OpenedImage(pixels=pixels, names=names, no_data=no_data, crs=crs, place=place)


def _middle(file: "rasterio.DatasetReader") -> tuple[float, float] | None:  # type: ignore[name-defined] # noqa: F821
    from rasterio.warp import transform  # noqa: PLC0415 - an extra

    x, y = file.xy(file.height / 2 - 0.5, file.width / 2 - 0.5)  # counted from the middle of the first pixel
    (longitude,), (latitude,) = transform(file.crs, "EPSG:4326", [x], [y])
    return (longitude, latitude) if np.isfinite([longitude, latitude]).all() else None


def _check_size(width: int, height: int, bytes_a_pixel: int, where: str) -> None:
    if width * height * bytes_a_pixel > SAMPLE_BYTES:
        raise UserError(f"{where}: {width} x {height} px are more than an image may have. Cut it into chips")


def _equals(values: np.ndarray, value: float) -> np.ndarray:
    return np.isnan(values) if np.isnan(value) else values == value
