"""What defines an encoder: size, bands by name, patch size and how it treats the image border."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

from mp_mae.errors import UserError

Padding = Literal["same", "published"]
GrnPool = Literal["sample", "batch"]
"""Sites over which global response normalisation pools when only visible patches are computed; published: "batch"."""
Holes = Literal["sites", "absent"]
"""Visible pixels that are zero in all bands are ordinary "sites"; published: "absent", as if they were removed."""

MMEARTH_S2_BANDS = ("B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8A", "B8", "B9", "B11", "B12")
"""Sentinel-2 input of MP-MAE in MMEarth's order: B8A comes before B8, and the cirrus band B10 is left out."""
_SHOWN_BANDS = 20


class Size(NamedTuple):
    """Blocks and channels of the four stages."""

    depths: tuple[int, int, int, int]
    widths: tuple[int, int, int, int]


SIZES: dict[str, Size] = {  # ConvNeXt V2 (Woo et al., 2023, arXiv:2301.00808), appendix
    "atto": Size((2, 2, 6, 2), (40, 80, 160, 320)),
    "femto": Size((2, 2, 6, 2), (48, 96, 192, 384)),
    "pico": Size((2, 2, 6, 2), (64, 128, 256, 512)),
    "nano": Size((2, 2, 8, 2), (80, 160, 320, 640)),
    "tiny": Size((3, 3, 9, 3), (96, 192, 384, 768)),
    "base": Size((3, 3, 27, 3), (128, 256, 512, 1024)),
    "large": Size((3, 3, 27, 3), (192, 384, 768, 1536)),
    "huge": Size((3, 3, 27, 3), (352, 704, 1408, 2816)),
    "demo": Size((2, 2, 4, 2), (16, 32, 64, 128)),  # not theirs: the weights that are shipped, 0.5 M parameters
}


class StemGeometry(NamedTuple):
    """How the stem walks over the image; all in pixels, except `grn_eps`."""

    kernel: int
    """Side and stride of the depthwise patch convolution: the stage strides are 1, 2, 4, 8 times this."""
    conv_padding: int
    """Zeros around the image for the first 3x3 convolution."""
    patch_padding: int
    """Zeros around its output for the depthwise patch convolution."""
    grn_eps: float
    """Stabiliser of global response normalisation in every block."""


def stem_geometry(patch: int, padding: str) -> StemGeometry:
    """The geometry of one patch size under one padding.

    "same" keeps the patch grid aligned with the image, as in pretraining: a side of S pixels gives S / patch
    positions. "published" is the classifier of the published evaluation: the first convolution loses a one-pixel
    frame, the patch convolution pads k // 2, so 56 px with 8 px patches give a 6x6 map.

    Raises:
        UserError: patch is neither 8 nor 16, or the padding is unknown.
    """
    if patch not in (8, 16):
        raise UserError(f"The patch size is {patch!r}; the encoder has patches of 8 or 16 pixels. Pass patch=8 or 16.")
    kernel = patch // 8
    if padding == "same":
        return StemGeometry(kernel, conv_padding=1, patch_padding=0, grn_eps=1e-6)
    if padding == "published":
        return StemGeometry(kernel, conv_padding=0, patch_padding=kernel // 2, grn_eps=1e-4)
    raise UserError(f'The padding is {padding!r}; pass padding="same" or padding="published".')


def check_size(size: str, sizes: Collection[str] = SIZES) -> None:
    """Raises UserError that lists the sizes unless `size` is one of them."""
    if size not in sizes:
        raise UserError(f"The encoder size is {size!r}; pass one of {', '.join(sizes)}.")


def check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Raises UserError with the nearest choice unless the value of the field `name` is one of them."""
    if value not in choices:
        nearest = get_close_matches(value, choices, n=1)
        hint = f"Did you mean {nearest[0]}? " if nearest else ""
        raise UserError(f"{name} is {value!r}. {hint}Pass one of {', '.join(choices)}.")


def check_choices(record: Any) -> None:
    """Raises UserError unless every field of a dataclass that is declared as one of several words is one of them."""
    for name, kind in get_type_hints(type(record)).items():
        if get_origin(kind) is Literal:
            check_choice(name, getattr(record, name), get_args(kind))


def check_lowest(record: Any, lowest: Mapping[str, float]) -> None:
    """Raises UserError unless each of the fields is None or at least its lowest value; NaN is not."""
    for name, low in lowest.items():
        value = getattr(record, name)
        if value is not None and not value >= low:
            raise UserError(f"{name} is {value}; pass at least {low}.")


@dataclass(frozen=True)
class EncoderConfig:
    """One encoder. Raises UserError when a field cannot be honoured."""

    size: str
    """Key of SIZES."""
    bands: tuple[str, ...]
    """Input bands by name, in the order of the channels."""
    patch: int
    """Side of a patch in pixels, 8 or 16: also the stride of the last stage."""
    padding: Padding = "same"
    grn_eps: float | None = None
    """None: the one that belongs to the padding (1e-6 "same", 1e-4 "published")."""

    def __post_init__(self) -> None:
        check_size(self.size)
        stem_geometry(self.patch, self.padding)
        if not isinstance(self.bands, tuple) or not self.bands or not all(isinstance(b, str) and b for b in self.bands):
            found = [band if isinstance(band, str) else type(band).__name__ for band in self.bands[:_SHOWN_BANDS]]
            raise UserError(f"The encoder's bands are {found}; pass a tuple of band names such as ('B2', 'B3').")
        repeated = [band for band, n in Counter(self.bands).items() if n > 1][:_SHOWN_BANDS]
        if repeated:
            raise UserError(f"The encoder's bands list {', '.join(repeated)} more than once; name each band once.")
        if self.grn_eps is not None and not self.grn_eps > 0:
            raise UserError(f"grn_eps is {self.grn_eps!r}; pass a number above 0, or None for the padding's own.")
