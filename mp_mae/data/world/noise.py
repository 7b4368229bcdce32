"""Random fields: over the globe, and within tiles at several scales."""

from collections.abc import Sequence
from functools import cache

import numpy as np

from mp_mae.data.world.hashing import mix, uniform, word

_CORNERS = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)])
_CORNER_VARIANCE = (1 / 3) * (26 / 35) ** 3
"""Variance of eight corner values uniform in [-1, 1] after smoothstep interpolation, averaged over a cell."""


def regional_fields(
    seed: int, names: Sequence[str], latitude: np.ndarray, longitude: np.ndarray, octaves: int = 4
) -> dict[str, np.ndarray]:
    """Independent fractal fields on the sphere by name, (n,) float64 each, mean about 0, variance about 1.

    Value noise on lattices in space of 3,200 km cells, halved in each octave, as are the amplitudes
    (Ebert et al., 2003, "Texturing and Modeling", chapter 2). Places are in degrees.
    """
    phi, lam = np.radians(latitude), np.radians(longitude)
    point = np.stack([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)], axis=-1)  # (n, 3)
    words = np.array([word(name) for name in names], np.uint64)[:, None, None]
    total = np.zeros((len(names), len(latitude)))
    for octave in range(octaves):
        position = point * 2.0 ** (octave + 1) + 17.0  # off the lattice's own planes of symmetry
        cell = np.floor(position).astype(np.int64)
        part = position - cell
        weight = part * part * (3 - 2 * part)
        corner = cell[:, None] + _CORNERS  # (n, 8, 3)
        place = mix(seed, octave, corner[..., 0], corner[..., 1], corner[..., 2])
        value = 2 * uniform(mix(place, words)) - 1  # (names, n, 8)
        share = np.where(_CORNERS == 1, weight[:, None], 1 - weight[:, None]).prod(axis=-1)  # (n, 8)
        total += 0.5**octave * (share * value).sum(axis=-1)
    total /= np.sqrt(_CORNER_VARIANCE * sum(0.25**octave for octave in range(octaves)))
    return dict(zip(names, total, strict=True))


class TileNoise:
    """Draws for each tile from its own generator: a tile is the same in whatever batch.

    What is drawn depends on what was drawn before, so the order of the calls is part of the world. `stream` names draws
    of their own, which change no others.
    """

    def __init__(self, seed: int, key: np.ndarray, stream: str = "tile noise") -> None:
        words = mix(key, seed, word(stream)).tolist()
        self._generators = [np.random.Generator(np.random.SFC64(bits)) for bits in words]

    def normal(self, *shape: int) -> np.ndarray:
        """Numbers (n, *shape) float32, standard normal."""
        out = np.empty((len(self._generators), *shape), np.float32)
        for generator, row in zip(self._generators, out, strict=True):
            generator.standard_normal(dtype=np.float32, out=row)
        return out

    def uniform(self, *shape: int) -> np.ndarray:
        """Numbers (n, *shape) float32 in [0, 1)."""
        out = np.empty((len(self._generators), *shape), np.float32)
        for generator, row in zip(self._generators, out, strict=True):
            generator.random(dtype=np.float32, out=row)
        return out

    def scalars(self, count: int) -> np.ndarray:
        """Numbers (count, n) float64, standard normal: facts of a tile as a whole."""
        return self.normal(count).T.astype(np.float64)

    def fractal(self, count: int, size_px: int, cells_px: Sequence[int], amplitudes: Sequence[float]) -> np.ndarray:
        """(n, count, size, size) float32: independent smooth fields of mean 0 and variance 1.

        White noise on grids of each cell size, interpolated by cubic B-splines and summed by amplitude.
        """
        sizes = [_spline(size_px, cell).shape[1] for cell in cells_px]
        drawn = self.normal(count * sum(size**2 for size in sizes))
        scale = 1 / np.sqrt(sum(amplitude**2 for amplitude in amplitudes))
        total = np.zeros((len(drawn), count, size_px, size_px), np.float32)
        start = 0
        for cell, amplitude, size in zip(cells_px, amplitudes, sizes, strict=True):
            grid = drawn[:, start : start + count * size**2].reshape(-1, count, size, size)
            spline = _spline(size_px, cell)
            total += (spline * np.float32(amplitude * scale)) @ grid @ spline.T
            start += count * size**2
        return total


@cache
def _spline(size_px: int, cell_px: int) -> np.ndarray:
    """(size, knots) float32: cubic B-spline weights of knots at pixels; rows have length 1, so variance stays."""
    position = (np.arange(size_px) + 0.5) / cell_px + 1
    knots = int(np.ceil(size_px / cell_px)) + 3
    distance = np.abs(position[:, None] - np.arange(knots))
    near = 2 / 3 - distance**2 + distance**3 / 2
    far = np.maximum(2 - distance, 0) ** 3 / 6
    weight = np.where(distance < 1, near, far)
    return (weight / np.linalg.norm(weight, axis=1, keepdims=True)).astype(np.float32)
