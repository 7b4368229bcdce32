"""Published datasets whose files name their bands wrongly, and what each channel really is.

The pixels are right, the names are not, so whoever picks channels by name gets others. An erratum is used for the very
files it is about: they are recognised by the dataset's name and by all the names they store, in their order. Files that
were written anew with right names store others, so that nothing is corrected twice. The package that reads the data
confirms each of them: geobench 1.1.0, "Known issues".
"""

from collections.abc import Sequence

from baselines.bands import S2_L1C
from harness.data.band_matching import canonical_name
from harness.data.description import Band, Erratum

_ERRATA = (
    Erratum(
        dataset="m-eurosat",
        stored=S2_L1C,
        true=("B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B9", "B10", "B11", "B12", "B8A"),
        source="https://github.com/ServiceNow/geo-bench/issues/28",
    ),
    Erratum(
        dataset="m-brick-kiln",
        stored=S2_L1C,
        true=("B1", "B2", "B3", "B4", "B5", "B7", "B8A", "B8", "B11", "B12", "TCI_R", "TCI_G", "TCI_B"),
        source="https://github.com/ServiceNow/geo-bench/issues/29",
    ),
)

ERRATA: dict[str, Erratum] = {erratum.dataset: erratum for erratum in _ERRATA}
"""By the name of the dataset."""


def find_erratum(dataset: str, stored: Sequence[Band]) -> Erratum | None:
    """The erratum of a dataset whose files name these bands; None if their names are right as far as is known."""
    erratum = ERRATA.get(dataset)
    return erratum if erratum and tuple(map(canonical_name, stored)) == erratum.stored else None
