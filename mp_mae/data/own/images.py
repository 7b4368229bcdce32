"""Image files, opened to be read strip by strip: pictures by Pillow, GeoTIFF files by rasterio."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image

from mp_mae.errors import NotHereError
from mp_mae.files.geotiff import open_geotiff

RASTERS = (".tif", ".tiff")
PICTURES = (".jpg", ".jpeg", ".png")

MAX_BYTES = 2**30
"""Of a strip of a GeoTIFF, and of a whole picture, in memory."""

_CHANNELS = {"L": 1, "I;16": 1, "RGB": 3, "RGBA": 3}
"""Modes of Pillow whose numbers are measurements or tones -> how many of them a pixel has, without transparency."""
_REFUSED = {
    "P": "the numbers stand for colours of a palette",
    "CMYK": "the four channels are inks",
    "1": "it is black and white",
}


class BadImageError(ValueError):
    """A file that cannot be used. The message says why, without the file's name."""


@dataclass(frozen=True, kw_only=True)
class Header:
    """What a file says of its pixels before they are read."""

    height: int
    width: int
    n_channels: int
    """Without transparency."""
    names: tuple[str, ...]
    """Of the channels; empty where the file does not name them."""
    dtype: np.dtype
    tells_no_data: bool
    """Whether the file says which pixels have no data: a value, a mask or transparency."""


class OpenedImage(Protocol):
    """A file whose pixels can be read."""

    header: Header

    def strip(self, top: int, height: int) -> tuple[np.ndarray, np.ndarray]:
        """Rows of pixels from `top` on: values (C, height, W) as stored, and where they are data, (C, height, W)."""


def need_rasterio(folder: Path) -> None:
    """Raises NotHereError with the command that installs it."""
    if find_spec("rasterio") is None:
        raise NotHereError(f"{folder}: GeoTIFF files are read by rasterio, which is missing. Run: pip install rasterio")


@contextmanager
def opened(path: Path) -> Iterator[OpenedImage]:
    """An image file for the length of the block.

    Raises:
        BadImageError: it cannot be used, also where the block finds that as it reads.
        NotHereError: rasterio is not installed (`need_rasterio`).
    """
    try:
        if not path.is_file():
            raise BadImageError("is no regular file")
        if path.suffix.casefold() in RASTERS:
            with open_geotiff(path, str(path)) as file:
                yield _Raster(file)
        else:
            with _open_picture(path) as picture:
                yield _Picture(picture)
    except BadImageError:
        raise
    except (OSError, SyntaxError, ValueError, LookupError, ArithmeticError, EOFError, RuntimeError) as error:
        # Decoders of damaged files fail in many ways.
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BadImageError(f"cannot be read as an image ({reason})") from error
    except Image.DecompressionBombError:
        raise BadImageError("declares more pixels than a picture may have; convert it to GeoTIFF") from None


def _open_picture(path: Path) -> Image.Image:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # its size is checked here
        return Image.open(path, formats=("JPEG", "PNG"))


class _Picture:
    def __init__(self, picture: Image.Image) -> None:
        mode = picture.mode
        depth = 16 if any(";16" in str(tile[3]) for tile in getattr(picture, "tile", ())) else 8
        if mode not in _CHANNELS or (depth == 16 and mode != "I;16"):
            why = _REFUSED.get(mode, f"{depth} bits a channel of mode {mode} would be cut to 8")
            raise BadImageError(f"{why}; convert it to an 8-bit RGB picture, or to GeoTIFF to keep its numbers")
        if picture.width * picture.height * 4 > MAX_BYTES:
            raise BadImageError(f"{picture.width} x {picture.height} px are too many for a picture; convert to GeoTIFF")
        self.header = Header(
            height=picture.height,
            width=picture.width,
            n_channels=_CHANNELS[mode],
            names=(),
            dtype=np.dtype(np.uint16 if depth == 16 else np.uint8),
            tells_no_data=mode == "RGBA",
        )
        self._picture = picture

    def strip(self, top: int, height: int) -> tuple[np.ndarray, np.ndarray]:
        part = self._picture.crop((0, top, self.header.width, top + height))
        pixels = np.atleast_3d(np.array(part)).transpose(2, 0, 1)
        values = pixels[: self.header.n_channels].astype(self.header.dtype, copy=False)
        data = pixels[self.header.n_channels :].all(axis=0)  # of transparency, if there is one: 0 is no data
        return values, np.broadcast_to(data, values.shape)


class _Raster:
    def __init__(self, file: "rasterio.DatasetReader") -> None:  # type: ignore[name-defined] # noqa: F821
        from rasterio.enums import ColorInterp, MaskFlags  # noqa: PLC0415 - an extra

        self._bands = [band for band, of in zip(file.indexes, file.colorinterp, strict=True) if of != ColorInterp.alpha]
        dtypes = {file.dtypes[band - 1] for band in self._bands}
        if len(dtypes) != 1 or np.dtype(dtype := dtypes.pop()).kind not in "iuf":
            raise BadImageError(f"the channels are {', '.join(file.dtypes)}; real numbers of one type are wanted")
        described = [file.descriptions[band - 1] for band in self._bands]
        self.header = Header(
            height=file.height,
            width=file.width,
            n_channels=len(self._bands),
            names=tuple(described) if all(described) else (),
            dtype=np.dtype(dtype),
            tells_no_data=any(MaskFlags.all_valid not in file.mask_flag_enums[band - 1] for band in self._bands),
        )
        self._file = file

    def strip(self, top: int, height: int) -> tuple[np.ndarray, np.ndarray]:
        header = self.header
        if header.n_channels * height * header.width * header.dtype.itemsize > MAX_BYTES:
            raise BadImageError(f"{height} rows of {header.width} px are too many for the memory; cut it into pieces")
        read = self._file.read(self._bands, window=((top, top + height), (0, header.width)), masked=True)
        return read.data, ~np.ma.getmaskarray(read)
