"""What somebody says of their images: on the command line, or once for all in `dataset.toml` beside them."""

import tomllib
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, PositiveFloat, PositiveInt, ValidationError, field_validator

from baselines.bands import Unit
from harness.data.files.budgets import JSON_BYTES
from harness.data.files.regular_file import read_regular
from harness.errors import UserError
from harness.records.labels import UNLABELLED, LabelKind

FILE = "dataset.toml"


class Fit(StrEnum):
    """What is done to an image of another size than most."""

    CROP = "crop"
    """Its middle is taken; where it is smaller, the border has no data."""
    RESAMPLE = "resample"
    """Bilinear; masks take the nearest pixel."""


class ImageSettings(BaseModel):
    """What the files do not say, or say wrongly. None or empty: as found in the files."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = ""
    """Of the dataset; empty: the folder's."""
    labels: str = ""
    """The table of labels, from the folder on; empty: sub-folders are classes."""
    label_column: tuple[str, ...] = ()
    """Several: numbers, or 0 and 1 of several classes."""
    task: LabelKind | None = None
    class_names: tuple[str, ...] = ()
    """In the order of the values in masks."""
    bands: tuple[str, ...] = ()
    unit: Unit | None = None
    no_data: float | dict[str, float] | None = None
    """Of all bands, or by the band's name."""
    ignore: tuple[int, ...] = UNLABELLED
    """Values in masks of pixels that have no label."""
    fit: Fit = Fit.CROP
    size: PositiveInt | None = None
    """Side in pixels; None: that of most images."""
    group_by: str = ""
    """A column: images of one group are in one split."""
    block_km: PositiveFloat | None = None
    """Side of blocks that are in one split; None: images are drawn one by one."""
    seed: int = 0
    """It draws the splits."""

    @field_validator("no_data", mode="before")
    @classmethod
    def _of_words(cls, said: Any) -> Any:
        """`-9999`, or `B2=0,elevation=-9999`, as the command line has them, once or several times."""
        if not isinstance(said, list):
            return said
        words = ",".join(said)
        pairs = (word.rpartition("=") for word in words.split(","))
        return {band.strip(): value for band, _, value in pairs} if "=" in words else words


def read_settings(folder: Path, said: Mapping[str, Any]) -> ImageSettings:
    """What `dataset.toml` in the folder says, if it is there, and before it what the command line says.

    Raises:
        UserError: the file is no TOML, or something is said that nobody asked, or that is of the wrong kind.
    """
    content, given = _read_file(folder), _given(said)
    try:
        return ImageSettings.model_validate(content | given)
    except ValidationError as error:
        first = error.errors()[0]
        key = str(first["loc"][0])
        where = option(key) if key in given else f"{folder / FILE}: {key}"
        known = "" if key in ImageSettings.model_fields else f"; there are: {', '.join(ImageSettings.model_fields)}"
        raise UserError(f"{where}: {first['msg']}, found {first['input']!r}{known}") from None


def where_said(folder: Path, said: Mapping[str, Any]) -> dict[str, str]:
    """Each setting that somebody said, and where: its option, or `dataset.toml`. Raises as `read_settings`."""
    return dict.fromkeys(_read_file(folder), FILE) | {key: option(key) for key in _given(said)}


def option(key: str) -> str:
    """The option of the command line that says a setting."""
    return f"--{key.replace('_', '-')}"


def _read_file(folder: Path) -> dict[str, Any]:
    path = folder / FILE
    if not path.exists():
        return {}
    try:
        return tomllib.loads(read_regular(path, str(path), JSON_BYTES).decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: is no TOML ({error}). Correct the file, or remove it") from None


def _given(said: Mapping[str, Any]) -> dict[str, Any]:
    """Without what was not said."""
    return {key: value for key, value in said.items() if value not in (None, (), [], "")}
