"""What was understood of somebody's images, as a file: `dataset.json`."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from harness.data.description import Band
from harness.data.files.budgets import JSON_BYTES
from harness.data.files.regular_file import read_regular
from harness.data.own.labels import Label
from harness.data.own.listing import sample_name
from harness.data.own.settings import Fit
from harness.errors import UserError
from harness.records.labels import LabelKind, Split

FILE = "dataset.json"
PIXELS, LABELS = "pixels.npy", "labels.npy"
"""Beside it where images were imported."""


class Understood(BaseModel):
    """A dataset of images that lie where they always lay."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: int = 1
    name: str
    root: Path
    """The folder of the images."""
    label_kind: LabelKind
    class_names: tuple[str, ...]
    mask_values: tuple[int, ...]
    """Of masks of classes: the stored value of each class."""
    bands: tuple[Band, ...]
    dtype: str
    """Of the stored values."""
    examples: tuple[tuple[float, ...], ...]
    """Least, mean and greatest value of each band, over a few images; nothing of a band that has no data in them."""
    size_px: tuple[int, int]
    """(height, width)."""
    fit: Fit
    n_fitted: int
    """Images of another size."""
    files: tuple[str, ...]
    """Of each image, from the root on; sorted."""
    labels: tuple[Label, ...]
    """As `labels.Labels.labels`."""
    places: tuple[tuple[float, float] | None, ...]
    """Longitude and latitude in degrees; empty: of none."""
    partitions: dict[str, dict[Split, list[int]]]
    """Indices of images."""
    drawn: str
    """How the splits came about."""
    imported: str = ""
    """Of a dataset whose pixels and labels are arrays beside this file: a hash over the names, sizes and times of the
    files they were made of, and the settings. Empty: the images are read."""
    notes: tuple[str, ...]
    """Lines that whoever runs it should read."""

    @property
    def samples(self) -> tuple[str, ...]:
        """Names of the images as samples."""
        return tuple(map(sample_name, self.files))


def read_understood(directory: Path) -> Understood:
    """The content of `directory`/dataset.json. UserError: it is missing, damaged or of another format."""
    path = directory / FILE
    try:
        return Understood.model_validate_json(read_regular(path, str(path), JSON_BYTES))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise UserError(f"{path}: {where}: {first['msg']}. Remove {directory}, and run with --data again") from None
