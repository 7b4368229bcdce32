"""Which folder of M3LEO feeds which modality of MMEarth, and how: one record a modality."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mp_mae.data.m3leo.choices import CHIP_PX, SEASONS, Choices
from mp_mae.data.m3leo.rasters import BadFileError, Dimension, read_netcdf, read_tif
from mp_mae.modalities import MODALITIES, WORLDCOVER_CODES

Read = Callable[[Path, Choices], np.ndarray]
"""Reads channels (C, H, W) float32 of a file, NaN = missing."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """A modality, and the files that it is made of."""

    modality: str
    """Name of the HDF5 dataset."""
    folder: str
    """Of M3LEO; a file there is called after its chip."""
    suffix: str
    channels: tuple[str, ...]
    """What `read` returns: names among the stored channels of the modality. The others are missing."""
    dtype: np.dtype
    """As MMEarth stores it."""
    missing: float
    """What is stored for no data."""
    read: Read

    def path(self, area: Path, chip: str) -> Path:
        return area / self.folder / f"{chip}{self.suffix}"

    @property
    def n_stored(self) -> int:
        return len(MODALITIES[self.modality].stored)

    @property
    def is_class(self) -> bool:
        return MODALITIES[self.modality].kind.is_class

    def store(self, tiles: np.ndarray) -> np.ndarray:
        """Tiles (n, C, S, S) of `channels` as rows (n, stored channels, S, S) in the stored type."""
        n, _, *square = tiles.shape
        rows = np.full((n, self.n_stored, *square), self.missing, self.dtype)
        stored = MODALITIES[self.modality].stored
        values = np.rint(tiles) if self.dtype.kind in "iu" else tiles
        for channel, name in enumerate(self.channels):
            own = values[:, channel]
            known = np.isfinite(own)
            rows[:, stored.index(name)][known] = own[known]
        return rows

    def read_chip(self, path: Path, choices: Choices) -> np.ndarray:
        """Channels (C, 448, 448) of a file, each pixel from the nearest of the file's, which cover the chip.

        Raises:
            BadFileError: it cannot be read, or holds something else.
        """
        values = self.read(path, choices)
        rows, columns = (((np.arange(CHIP_PX) + 0.5) * size / CHIP_PX).astype(int) for size in values.shape[1:])
        return values[:, rows[:, None], columns]


def _read_optical(path: Path, choices: Choices) -> np.ndarray:
    """Red, green and blue of a month, 1 .. rgb_white.

    Black is no data. MMEarth has the same code for that in every band, so that a 0 beside other values becomes 1.
    """
    wanted = [f"{choices.month:02d}_{colour}" for colour in ("red", "green", "blue")]

    def choose(names: tuple[str | None, ...], dtype: str) -> Sequence[int]:
        if dtype != "uint8":
            raise ValueError(f"is stored as {dtype}; wanted uint8")
        absent = [name for name in wanted if name not in names]
        if absent:
            raise ValueError(f"no band {', '.join(absent)}; bands are called {', '.join(map(str, names))}")
        return [names.index(name) for name in wanted]

    values = np.nan_to_num(read_tif(path, choose))
    scaled = np.maximum(np.rint(values * (choices.rgb_white / 255)), 1)
    return np.where((values > 0).any(axis=0), scaled, np.nan).astype(np.float32)


def _read_radar(path: Path, choices: Choices) -> np.ndarray:
    """Backscatter of a season in dB: ascending VV and VH, descending VV and VH."""
    first = 4 * SEASONS.index(choices.season)

    def choose(names: tuple[str | None, ...], dtype: str) -> Sequence[int]:
        if len(names) != 16:
            raise ValueError(f"{len(names)} bands; wanted 16, four seasons of vvasc, vvdes, vhasc, vhdes")
        return [first, first + 2, first + 1, first + 3]

    values = read_tif(path, choose)
    _check_range(path, values, -100, 50, "backscatter in dB", _leave_out("sentinel1"))
    if np.isfinite(values).any() and np.nanmin(values) >= 0:
        raise BadFileError(f"{path}: no value is negative, so this is not dB. {_leave_out('sentinel1')}")
    return values


def _read_coherence(path: Path, choices: Choices) -> np.ndarray:
    """Coherence of a season after 12, 24, 36 and 48 days, 0 to 1. Exactly 0, which no estimate is, is no data."""

    def of_season(seasons: Dimension) -> Sequence[int]:
        return [_season_names(seasons, choices).index(choices.season)]

    def of_days(days: Dimension) -> Sequence[int]:
        values = _DAYS if days.values is None else days.values.tolist()
        if sorted(values) != list(_DAYS) or days.size != len(_DAYS):
            raise ValueError(f"{days.name} is {values}, {days.size} long; wanted {', '.join(map(str, _DAYS))}")
        return [values.index(wanted) for wanted in _DAYS]

    values = read_netcdf(path, "coherence", {"season": of_season, "deltadays": of_days})[0] / choices.coherence_scale
    values[~np.isfinite(values) | (values == 0)] = np.nan
    _check_range(path, values, 0, 1, "coherence", "Pass --coherence-scale with the stored value that means 1.")
    return values


_DAYS = (12, 24, 36, 48)


def _season_names(seasons: Dimension, choices: Choices) -> list[str]:
    """Names of the positions of a dimension, in SEASONS's words."""
    values = seasons.values
    if values is not None and values.dtype.kind == "U":
        names = ["fall" if name.lower() == "autumn" else name.lower() for name in values.tolist()]
    elif choices.gssic_seasons is not None:
        names = list(choices.gssic_seasons)
    else:
        raise ValueError(
            f"{seasons.name} names no seasons. Pass their order once you know it, for example "
            f"--gssic-seasons {','.join(SEASONS)}"
        )
    if len(names) != seasons.size or choices.season not in names:
        raise ValueError(f"{seasons.name} is {', '.join(names)}, {seasons.size} long; wanted {', '.join(SEASONS)}")
    return names


def _read_elevation(path: Path, choices: Choices) -> np.ndarray:
    values = read_tif(path, _only_band)
    values[values == _VOID] = np.nan
    _check_range(path, values, -500, 9000, "elevation in m", _leave_out("aster"))
    return values


_VOID = -32768
"""MMEarth's code for no elevation, and that of many files which do not declare one."""


def _read_cover(path: Path, choices: Choices) -> np.ndarray:
    values = read_tif(path, _only_band)
    values[np.isin(values, MODALITIES["esa_worldcover"].no_data)] = np.nan
    unknown = np.setdiff1d(values[np.isfinite(values)], WORLDCOVER_CODES)
    if len(unknown):
        raise BadFileError(
            f"{path}: {unknown[0]:g} is no class of WorldCover ({', '.join(map(str, WORLDCOVER_CODES))}). "
            f"{_leave_out('esa_worldcover')}"
        )
    return values


def _only_band(names: tuple[str | None, ...], dtype: str) -> Sequence[int]:
    if len(names) != 1:
        raise ValueError(f"{len(names)} bands; wanted one")
    return [0]


def _check_range(path: Path, values: np.ndarray, low: float, high: float, what: str, advice: str) -> None:
    known = values[np.isfinite(values)]
    if len(known) and (known.min() < low or known.max() > high):
        found = f"{known.min():g} to {known.max():g}"
        raise BadFileError(f"{path}: values are {found}; wanted {what}, {low} to {high}. {advice}")


def _leave_out(modality: str) -> str:
    return f"Leave it out: --without {modality}"


_TABLE = (
    Source(
        modality="sentinel2",
        folder="s2rgbm-2020",
        suffix=".tif",
        channels=("B4", "B3", "B2"),
        dtype=np.dtype(np.uint16),
        missing=0,
        read=_read_optical,
    ),
    Source(
        modality="sentinel1",
        folder="s1grd-2020",
        suffix=".tif",
        channels=("asc VV", "asc VH", "desc VV", "desc VH"),
        dtype=np.dtype(np.float32),
        missing=-np.inf,
        read=_read_radar,
    ),
    Source(
        modality="coherence",
        folder="gssic",
        suffix=".nc",
        channels=("12 days", "24 days", "36 days", "48 days"),
        dtype=np.dtype(np.float32),
        missing=np.nan,
        read=_read_coherence,
    ),
    Source(
        modality="aster",
        folder="srtmdem",
        suffix=".tif",
        channels=("elevation",),
        dtype=np.dtype(np.int16),
        missing=_VOID,
        read=_read_elevation,
    ),
    Source(
        modality="esa_worldcover",
        folder="esaworldcover-2020",
        suffix=".tif",
        channels=("class",),
        dtype=np.dtype(np.uint8),
        missing=0,
        read=_read_cover,
    ),
)

SOURCES: dict[str, Source] = {source.modality: source for source in _TABLE}
"""In the order of the datasets of the file that is written."""
