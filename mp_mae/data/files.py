"""An MMEarth dataset on disk: find its files and check that they hold what a training needs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mp_mae.config import MMEARTH_S2_BANDS
from mp_mae.data.buffers import Column
from mp_mae.data.h5 import RowReader, describe_columns
from mp_mae.data.statistics import BESIDE, Statistics, read_statistics
from mp_mae.errors import UserError
from mp_mae.files.json_file import read_json
from mp_mae.files.listing import paths_in
from mp_mae.modalities import MODALITIES, Kind, Modality

METADATA = "metadata"
"""One record per tile: its id, then its Sentinel-2 processing level."""


@dataclass(frozen=True)
class Paths:
    """The files of one dataset, `<name>.h5` and those named after it."""

    h5: Path

    @property
    def name(self) -> str:
        return self.h5.stem

    @property
    def splits(self) -> Path:
        return self.h5.with_name(f"{self.name}_splits.json")

    @property
    def band_stats(self) -> Path:
        return self.h5.with_name(f"{self.name}_band_stats.json")

    @property
    def tile_info(self) -> Path:
        """A file that training does not need: the processing level is in the HDF5 file too."""
        return self.h5.with_name(f"{self.name}_tile_info.json")


@dataclass(frozen=True, kw_only=True, eq=False)
class MMEarthFiles:
    """A checked dataset: every tile can be read and standardised."""

    paths: Paths
    n_tiles: int
    side: int
    """Height and width of a tile in pixels."""
    input: Modality
    """Sentinel-2 with the bands that the encoder reads."""
    modalities: tuple[Modality, ...]
    """What is predicted, in the table's order; Sentinel-2 with the input's bands."""
    left_out: tuple[str, ...]
    """Modalities that were asked for and that the file does not have."""
    columns: tuple[Column, ...]
    """What has to be read for all that."""
    statistics: Mapping[str, Statistics]
    """Mean and spread of the bands of `input` and of the regression modalities, by name."""
    splits: Mapping[str, np.ndarray]
    """Row numbers (n,) int64 by split name."""

    def reader(self) -> RowReader:
        return RowReader(self.paths.h5, self.columns)

    def rows(self, split: str) -> np.ndarray:
        """Row numbers of a split. Raises UserError when there is no such split or it is empty."""
        if not len(self.splits.get(split, ())):
            found = ", ".join(f"{name} ({len(rows)} tiles)" for name, rows in self.splits.items())
            raise UserError(
                f"{self.paths.splits}: no tiles in split {split!r}; there are {found}. Choose another split."
            )
        return self.splits[split]


def find_files(folder: str | Path) -> Paths:
    """The dataset of a folder: the .h5 file named after the folder, else its only one.

    Raises:
        UserError: no such folder, no .h5 file, or several.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder. Pass the folder that holds an MMEarth dataset's .h5 file.")
    if (named := folder / f"{folder.resolve().name}.h5").is_file():
        return Paths(named)
    found = paths_in(folder, "*.h5")
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise UserError(
            f"{folder}: wanted {named.name} or a single .h5 file; found {names}. Pass the dataset's folder."
        )
    return Paths(found[0])


def open_mmearth(
    folder: str | Path,
    modalities: Sequence[Modality],
    bands: Sequence[str] = MMEARTH_S2_BANDS,
    *,
    allow_missing: bool = False,
) -> MMEarthFiles:
    """Find and check a dataset for a training that reads `bands` of Sentinel-2 and predicts `modalities`.

    A modality that the file does not have is an error, or left out if `allow_missing`.

    Raises:
        UserError: a file is missing or damaged, or does not hold what was asked for.
    """
    paths = find_files(folder)
    sentinel2 = _choose_bands(bands)
    columns = describe_columns(paths.h5)
    left_out = tuple(modality.name for modality in modalities if modality.name not in columns)
    if left_out and not allow_missing:
        raise UserError(
            f"{paths.h5}: no dataset {', '.join(left_out)}; there are {', '.join(columns)}. "
            "Choose other pretext tasks by --preset, or train on the rest: --set allow_missing=true."
        )
    targets = {modality.name: modality for modality in modalities if modality.name in columns}
    if "sentinel2" in targets:
        targets["sentinel2"] = sentinel2
    if not targets:
        raise UserError(f"{paths.h5}: none of the modalities to predict is in the file ({', '.join(left_out)}).")
    needed = {"sentinel2": sentinel2, **targets}
    n_tiles, side = _check_columns(paths.h5, columns, needed)
    return MMEarthFiles(
        paths=paths,
        n_tiles=n_tiles,
        side=side,
        input=sentinel2,
        modalities=tuple(targets.values()),
        left_out=left_out,
        columns=tuple(columns[name] for name in (*needed, METADATA)),
        statistics=read_statistics(paths.band_stats, needed),
        splits=_read_splits(paths.splits, n_tiles),
    )


def _choose_bands(bands: Sequence[str]) -> Modality:
    sentinel2 = MODALITIES["sentinel2"]
    unknown = [band for band in bands if band not in sentinel2.stored]
    if unknown or not bands or len(set(bands)) < len(bands):
        found = f"unknown band {', '.join(unknown)}" if unknown else f"{' '.join(bands) or 'no bands'}"
        raise UserError(f"Sentinel-2 input: {found}. Choose each once from {', '.join(sentinel2.stored)}.")
    return replace(sentinel2, bands=tuple(bands))


def _check_columns(path: Path, columns: Mapping[str, Column], needed: Mapping[str, Modality]) -> tuple[int, int]:
    """Number of tiles and their side, having checked that every needed dataset agrees with the table."""
    for name in ("sentinel2", METADATA):
        if name not in columns:
            raise UserError(f"{path}: no dataset {name}, which every training reads; there are {', '.join(columns)}.")
    input_shape = columns["sentinel2"].shape
    side = input_shape[-1] if input_shape else 0
    n_tiles = columns["sentinel2"].n_rows
    for name, modality in needed.items():
        column = columns[name]
        wanted = _row_shape(modality, side)
        if column.shape != wanted:
            raise UserError(
                f"{path}: a row of {name} has shape {column.shape}; wanted {wanted} ({_shape_reason(modality)}). "
                "Use a file in MMEarth's layout."
            )
        if column.stored.kind not in ("iu" if modality.kind.is_class else "iuf"):
            wanted_type = "integers" if modality.kind.is_class else "numbers"
            raise UserError(f"{path}: {name} is stored as {column.stored}; wanted {wanted_type}.")
    metadata = columns[METADATA]
    kinds = [metadata.stored[field].kind for field in metadata.stored.names or ()]
    if kinds[:2] != ["S", "S"] or metadata.shape:
        raise UserError(f"{path}: {METADATA} is {metadata.stored}; wanted one record of tile id and S2_type per tile.")
    for name in (*needed, METADATA):
        if columns[name].n_rows != n_tiles:
            raise UserError(
                f"{path}: {name} has {columns[name].n_rows} rows and sentinel2 {n_tiles}: the file is incomplete. "
                "Copy or download it again."
            )
    return n_tiles, side


def _row_shape(modality: Modality, side: int) -> tuple[int, ...]:
    if modality.kind.is_pixel:
        return len(modality.stored), side, side
    return (modality.n_classes if modality.kind is Kind.IMAGE_CLASS else len(modality.stored),)


def _shape_reason(modality: Modality) -> str:
    if modality.kind is Kind.IMAGE_CLASS:
        return f"one-hot over {modality.n_classes} classes"
    square = " of square images as large as Sentinel-2's" if modality.kind.is_pixel else ""
    return f"{' '.join(modality.stored)}{square}"


def _read_splits(path: Path, n_tiles: int) -> dict[str, np.ndarray]:
    splits = read_json(path, BESIDE)
    if not isinstance(splits, dict) or not all(isinstance(rows, list) for rows in splits.values()):
        raise UserError(f"{path}: wanted lists of row numbers named train, val and test. Download it again.")
    checked = {}
    for name, rows in splits.items():
        for row in rows:
            if type(row) is not int:  # true and false count as int too
                raise UserError(f"{path}: split {name} wants row numbers (integers); found {row!r}. Correct the file.")
            if not 0 <= row < n_tiles:
                raise UserError(
                    f"{path}: split {name} lists row {row}, but the dataset has rows 0 to {n_tiles - 1}. "
                    "The splits belong to another file: download both again."
                )
        checked[name] = np.array(rows, np.int64)
    return checked
