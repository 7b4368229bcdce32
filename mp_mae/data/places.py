"""Where tiles are, so that tiles of one place can be told from tiles of different ones."""

import numpy as np
import torch
from torch import Tensor

from mp_mae.data.files import Paths
from mp_mae.data.h5 import RowReader, describe_columns

EARTH_RADIUS_KM = 6371.0


def positions_km(latitude: np.ndarray, longitude: np.ndarray) -> Tensor:
    """Positions (N, 3) float64 in km from the Earth's centre, of degrees (N,); NaN where one of them is not finite.

    The distance between two of them is that along a straight line, which is shorter than that along the ground by less
    than a metre in 20 km.
    """
    phi, lam = np.radians(latitude.astype(np.float64)), np.radians(longitude.astype(np.float64))
    with np.errstate(invalid="ignore"):
        axes = np.stack([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)], axis=1)
    return torch.from_numpy(np.where(np.isfinite(axes).all(axis=1, keepdims=True), EARTH_RADIUS_KM * axes, np.nan))


def read_positions(paths: Paths) -> Tensor | None:
    """Positions (n_tiles, 3) float64 km of a dataset's tiles, NaN where not known; None if the file tells none.

    They are read from the datasets `lat` and `lon`, (n, 2) sine and cosine.

    Raises:
        UserError: the file is damaged.
    """
    columns = describe_columns(paths.h5)
    wanted = [columns[name] for name in ("lat", "lon") if name in columns and columns[name].shape == (2,)]
    if len(wanted) < 2:
        return None
    rows = RowReader(paths.h5, wanted).read_rows(np.arange(wanted[0].n_rows))
    latitude, longitude = (_degrees(rows[name]) for name in ("lat", "lon"))
    return positions_km(latitude, longitude)


def _degrees(encoded: np.ndarray) -> np.ndarray:
    """Degrees (n,) float64 of sine and cosine (n, 2); NaN where they are not finite."""
    sine, cosine = encoded.astype(np.float64).T
    degrees: np.ndarray = np.where(np.isfinite(sine + cosine), np.degrees(np.arctan2(sine, cosine)), np.nan)
    return degrees
