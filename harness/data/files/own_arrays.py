"""What arrays.json says of the two arrays beside it: labels, bands, which row trains, chooses or tests."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from harness.data.description import Band
from harness.data.files.budgets import JSON_BYTES
from harness.data.files.regular_file import read_regular
from harness.errors import UserError
from harness.records.labels import LabelKind, Split

DESCRIPTION, PIXELS, LABELS = "arrays.json", "pixels.npy", "labels.npy"
MAKE_AGAIN = "Remove the folder and make the dataset again from its arrays"


@dataclass(frozen=True, kw_only=True)
class Description:
    """Arrays of N samples; a sample is called by the number of its row."""

    label_kind: LabelKind
    class_names: tuple[str, ...]
    bands: tuple[Band, ...]
    """Of the channels, in their order."""
    rows: Mapping[Split, tuple[int, ...]]
    """Rows of each split. Those of train are in an order of which each beginning is a smaller train split."""

    @property
    def n_samples(self) -> int:
        return sum(map(len, self.rows.values()))

    def sample(self, row: int) -> str:
        """The name of a row; names sort as rows do."""
        return f"{row:0{len(str(self.n_samples - 1))}}"


_DESCRIPTION = TypeAdapter(Description)


def write_description(description: Description, directory: Path) -> None:
    """Write `directory`/arrays.json."""
    (directory / DESCRIPTION).write_bytes(_DESCRIPTION.dump_json(description, indent=1))


def read_description(directory: Path) -> Description:
    """The content of `directory`/arrays.json. UserError: it is missing, or not what `write_description` writes."""
    where = f"{directory.name}/{DESCRIPTION}"
    try:
        return _DESCRIPTION.validate_json(read_regular(directory / DESCRIPTION, where, JSON_BYTES))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise UserError(f"{where}: {place}: {first['msg']}. {MAKE_AGAIN}") from None
