"""Labels of the demo tasks: from the simulated truth, with the errors that makers of real maps make.

Every error is a function of the tile's key, so that a label depends on its tile alone. Labels of all splits have them,
test included, as in real data: no backbone can reach a perfect score.
"""

import numpy as np

from mp_mae.data.world.hashing import mix, uniform, word
from mp_mae.data.world.tiles import COVERS, CROPS, Tiles

LANDCOVER: dict[str, tuple[str, ...]] = {
    "water": ("water",),
    "evergreen broadleaf forest": ("evergreen broadleaf forest",),
    "deciduous broadleaf forest": ("deciduous broadleaf forest",),
    "needleleaf forest": ("needleleaf forest",),
    "shrubland": ("shrubland",),
    "grassland": ("grassland", "moss and lichen"),
    "cropland": ("cropland",),
    "built-up": ("built-up",),
    "bare ground": ("bare ground",),
    "wetland": ("wetland", "mangrove"),
}
"""Class -> the world's covers in it. Snow and ice are in none: they are too easy to see and hide what they lie on."""

CROP_CLASSES = ("other", *CROPS)

CENTRE_PX = 32
"""Side of the square in the middle that `demo-landcover` is about. What surrounds it is context, and misleads."""

PRECEDENCE = {"built-up": 0.10, "water": 0.15, "wetland": 0.25, "cropland": 0.30}
"""Classes that a tile belongs to from this share of its centre, tried in this order, as legends of land-cover maps have
it for what matters beyond its area. Where none applies, the most frequent class wins."""

REGISTRATION_ERROR_PX = 2.0
"""Standard deviation of the shift between map and image, along each axis."""

MISTAKEN = 0.05
"""Share of tiles whose interpreter names the second most frequent class of the centre instead."""

PRESENT_SHARE, PRESENT_SPREAD = 0.06, 0.35
"""A cover counts as present from this share of the tile; from tile to tile and cover to cover the threshold scatters
by a factor whose logarithm has this standard deviation."""

MISDECLARED = 0.04
"""Share of parcels whose declared crop is not what grows there."""

_COVER_TO_CLASS = np.array(
    [next((c for c, covers in enumerate(LANDCOVER.values()) if cover in covers), len(LANDCOVER)) for cover in COVERS]
)
"""Index into COVERS -> index into LANDCOVER; its length for covers of no class."""


def landcover(tiles: Tiles) -> np.ndarray:
    """(n,) int64: the class of the tile's centre by PRECEDENCE; -1 where it is none of LANDCOVER's."""
    key = tiles.places.key
    shares = _class_shares(_shifted_centre(tiles.cover, key))  # (n, 11)
    ranked = np.argsort(-shares, axis=1, kind="stable")
    names = list(LANDCOVER)
    enough = [shares[:, names.index(name)] >= share for name, share in PRECEDENCE.items()]
    true = np.select(enough, [names.index(name) for name in PRECEDENCE], ranked[:, 0])
    mistaken = (uniform(mix(key, word("mistaken"))) < MISTAKEN) & (np.sort(shares, axis=1)[:, -2] > 0)
    chosen = np.where(mistaken, ranked[:, 1], true)
    return np.where(chosen == len(LANDCOVER), -1, chosen)


def _shifted_centre(cover: np.ndarray, key: np.ndarray) -> np.ndarray:
    """(n, CENTRE_PX, CENTRE_PX): where the map's maker believes the tile's centre to be."""
    limit = (cover.shape[1] - CENTRE_PX) // 2
    shift = REGISTRATION_ERROR_PX * _normal(mix(key, word("shift"), np.arange(2)[:, None]))  # (2, n)
    top, left = limit + np.clip(np.rint(shift), -limit, limit).astype(np.int64)
    side = np.arange(CENTRE_PX)
    rows, columns = (top[:, None] + side)[:, :, None], (left[:, None] + side)[:, None, :]
    return cover[np.arange(len(key))[:, None, None], rows, columns]


def covers_present(tiles: Tiles) -> np.ndarray:
    """(n, 10) uint8 of 0 and 1: which of LANDCOVER's classes the tile holds a noticeable share of."""
    noise = _normal(mix(tiles.places.key[:, None], word("present"), np.arange(len(LANDCOVER))))
    threshold = PRESENT_SHARE * np.exp(PRESENT_SPREAD * noise)
    return (_class_shares(tiles.cover)[:, :-1] >= threshold).astype(np.uint8)


def climate(tiles: Tiles) -> np.ndarray:
    """(n,) int64: the climate zone. Zones have sharp borders, which is difficulty enough: no further error."""
    return tiles.climate_zone.astype(np.int64)


def crops(tiles: Tiles) -> np.ndarray:
    """(n, H, W) uint8: 0 where no crop grows, else the crop its parcel is declared to grow, 1 + index into CROPS."""
    from scipy.ndimage import label as connected_parts  # noqa: PLC0415 - a plan must not wait for it

    declared = tiles.crop.copy()
    for tile, (mask, key) in enumerate(zip(tiles.crop, tiles.places.key, strict=True)):
        for crop in np.unique(mask[mask > 0]):
            parcels, n_parcels = connected_parts(mask == crop)
            luck = mix(key, word("declared"), int(crop), np.arange(n_parcels + 1))
            other = 1 + (np.uint64(crop) + mix(luck, 1) % np.uint64(len(CROPS) - 1)) % np.uint64(len(CROPS))
            wrong = uniform(luck) < MISDECLARED
            wrong[0] = False  # number 0 is all that is not this crop
            declared[tile] = np.where(wrong[parcels], other[parcels], declared[tile])
    return declared


def _normal(bits: np.ndarray) -> np.ndarray:
    """uint64 -> standard normal float64."""
    from scipy.special import ndtri  # noqa: PLC0415 - a plan must not wait for it

    return ndtri(uniform(bits) + 2.0**-54)  # never 0, whose normal is minus infinity


def _class_shares(cover: np.ndarray) -> np.ndarray:
    """(n, H, W) covers -> (n, 11) float64 shares of the area by class of LANDCOVER, the last of no class."""
    n_classes = len(LANDCOVER) + 1
    classes = _COVER_TO_CLASS[cover].reshape(len(cover), -1)
    flat = classes + n_classes * np.arange(len(cover))[:, None]
    counts = np.bincount(flat.reshape(-1), minlength=n_classes * len(cover))
    return counts.reshape(len(cover), n_classes) / classes.shape[1]
