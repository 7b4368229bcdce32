"""Published datasets whose files name their bands wrongly, and what each channel really is.

The pixels are right, the names are not, so whoever picks channels by name gets others. An erratum is used for the very
files it is about: they are recognised by the dataset's name and by all the names they store, in their order. Files that
were written anew with right names store others, so that nothing is corrected twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from harness.data.bands import canonical_name
from harness.data.sources.geobench.task_specs import Band

PICTURE = "TrueColourPicture"
"""Kind of a channel that was made to be looked at: 8-bit, stretched, of no wavelength. It answers to its own name alone
and never stands in for another band."""


@dataclass(frozen=True, kw_only=True)
class Erratum:
    """What the channels of a published dataset are."""

    dataset: str
    stored: tuple[str, ...]
    """What its files say that the channels are, in their order: files that say anything else are left alone."""
    true: tuple[str, ...]
    """What they are: a Sentinel-2 band, or the name of a picture."""
    source: str
    """Where it was reported; the package that reads the data confirms both: geobench 1.1.0, "Known issues"."""


_ALL_13 = ("B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B9", "B10", "B11", "B12")

_ERRATA = (
    Erratum(
        dataset="m-eurosat",
        stored=_ALL_13,
        true=("B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B9", "B10", "B11", "B12", "B8A"),
        source="https://github.com/ServiceNow/geo-bench/issues/28",
    ),
    Erratum(
        dataset="m-brick-kiln",
        stored=_ALL_13,
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


def true_bands(erratum: Erratum, stored: Sequence[Band]) -> tuple[Band, ...]:
    """What each channel is, in the stored order; `Band.channel` still finds it in samples, statistics and arrays."""
    described = dict(zip(erratum.stored, stored, strict=True))
    return tuple(
        replace(described.get(name, Band(name, PICTURE)), stored_as=band.name)
        for name, band in zip(erratum.true, stored, strict=True)
    )


def describe_erratum(erratum: Erratum) -> str:
    """One line on which names are wrong, and who says so."""
    wrong = [f"{s} is {t}" for s, t in zip(erratum.stored, erratum.true, strict=True) if s != t]
    return f"its files name {len(wrong)} of {len(erratum.stored)} bands wrongly: {', '.join(wrong)} ({erratum.source})"
