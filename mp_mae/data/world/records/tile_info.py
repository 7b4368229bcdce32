"""The JSON record that MMEarth keeps of every tile."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from mp_mae.data.world.tiles import Tiles
from mp_mae.modalities import COHERENCE_STORED, S2_STORED

_S1_POLARISATIONS = ("VV", "VH", "HH", "HV")
_ERA5_VARIABLES = ("temperature_2m", "temperature_2m_min", "temperature_2m_max", "total_precipitation_sum")
_PLAIN_BANDS = {
    "aster": ["b1", "slope"],
    "dynamic_world": ["label"],
    "canopy_height_eth": ["height", "std"],
    "esa_worldcover": ["Map"],
    "lat": ["sin", "cos"],
    "lon": ["sin", "cos"],
    "month": ["sin_month", "cos_month"],
}


def tile_id(seed: int, index: int) -> str:
    return f"simulated_{seed}_{index:07d}"


def describe_tiles(tiles: Tiles) -> list[dict[str, Any]]:
    """`S2_type S2_DATE lat lon CRS BANDS` and more of each tile; what a tile does not have is null or left out."""
    return [_describe(tiles, row) for row in range(len(tiles.places))]


def _describe(tiles: Tiles, row: int) -> dict[str, Any]:
    latitude, longitude = float(tiles.places.latitude[row]), float(tiles.places.longitude[row])
    level, day = str(tiles.s2_level[row]), tiles.places.day[row]
    return {
        "S2_type": level,
        "S2_DATE": str(day),
        "CRS": _utm(latitude, longitude),
        "lat": latitude,
        "lon": longitude,
        "biome": _class_of(tiles.modalities["biome"][row]),
        "eco_region": _class_of(tiles.modalities["eco_region"][row]),
        "BANDS": {
            "sentinel2": [band for band in S2_STORED if level == "l1c" or band != "B10"],
            "sentinel2_cloudmask": ["QA60"],
            "sentinel2_cloudprod": ["MSK_CLDPRB"] if level == "l2a" else None,
            "sentinel2_scl": ["SCL"] if level == "l2a" else None,
            "sentinel1_asc": _recorded(tiles.modalities["sentinel1"][row, :4], _S1_POLARISATIONS),
            "sentinel1_desc": _recorded(tiles.modalities["sentinel1"][row, 4:], _S1_POLARISATIONS),
            "coherence": _recorded(tiles.modalities["coherence"][row], COHERENCE_STORED),
            "era5": _era5_bands(day),
            **_PLAIN_BANDS,
        },
    }


def _utm(latitude: float, longitude: float) -> str:
    zone = int((longitude + 180) // 6) % 60 + 1
    return f"EPSG:{(32600 if latitude >= 0 else 32700) + zone}"


def _class_of(one_hot: np.ndarray) -> int | None:
    """Position of the one; None for a row of zeros."""
    return int(one_hot.argmax()) if one_hot.any() else None


def _recorded(bands: np.ndarray, names: Sequence[str]) -> list[str] | None:
    """Names of the bands (C, H, W) that were recorded; None without any."""
    return [name for name, band in zip(names, bands, strict=True) if np.isfinite(band[0, 0])] or None


def _era5_bands(day: np.datetime64) -> list[str]:
    month = day.astype("datetime64[M]")
    periods = [str(month - 1).replace("-", ""), str(month).replace("-", ""), "year"]
    return [f"{period}_{variable}" for period in periods for variable in _ERA5_VARIABLES]
