"""What lies below a folder of data, and what was understood of somebody's own images, as tables."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Group
from rich.text import Text

from harness.data.dataset import Dataset
from harness.data.description import NO_PIXELS, describe_erratum, list_names
from harness.data.own.description import Understood
from harness.data.own.settings import FILE, Fit, option
from harness.data.own.understand import AS_GIVEN
from harness.data.sources import open_dataset
from harness.data.suites import discover, tell_apart
from harness.errors import UnforeseenError, UserError
from harness.records.labels import LabelKind
from harness.show.tables import prose, rows_table
from harness.show.visible_text import plain, visible
from leaderboards.query import Table

COLUMNS = ("dataset", "label", "classes", "size_px", "bands", "train", "valid", "test", "metric", "erratum")
_MOST_CLASSES = 12
"""Shown with their counts."""


@dataclass(frozen=True, kw_only=True)
class Overview:
    """Every dataset below a folder."""

    table: Table
    """One row per dataset, with the split sizes of its `default` partition and the bands that its channels are."""
    errata: tuple[str, ...]
    """A line per dataset whose files are known to be wrong."""
    problems: tuple[str, ...]
    """A line per dataset that cannot be read."""


def describe_datasets(root: Path) -> Overview:
    """What can be told without reading a pixel. Raises UserError as `discover` does."""
    rows, errata, problems = [], [], []
    for ref, name in tell_apart(discover(root)).items():
        try:
            dataset = open_dataset(ref)
            rows.append(_row(name, dataset))
        except UserError as error:
            problems.append(str(error))
            continue
        except Exception as error:  # the border between datasets: one must not hide the others
            problems.append(f"{name}: {UnforeseenError(error)}")
            continue
        if dataset.erratum:
            errata.append(f"{name}: {describe_erratum(dataset.erratum)}")
    return Overview(table=Table(columns=COLUMNS, rows=rows), errata=tuple(errata), problems=tuple(problems))


def _row(name: str, dataset: Dataset) -> tuple[object, ...]:
    spec, default = dataset.spec, dataset.partition("default")
    return (
        name,
        str(spec.label_kind),
        spec.n_classes,
        "x".join(map(str, spec.size_px)) if spec.size_px else None,
        " ".join(_short(band.name) for band in dataset.bands),
        len(default.train),
        len(default.valid),
        len(default.test),
        spec.metric,
        dataset.erratum.source if dataset.erratum else None,
    )


def _short(band: str) -> str:
    """`08A - Vegetation Red Edge` as `08A`."""
    return band.partition(" - ")[0]


def understood_table(understood: Understood, places: Mapping[str, str]) -> Group:
    """A row a thing that was understood, with example values, where that is from, and below it what is odd.

    Args:
        places: where each setting that somebody said was said (`settings.where_said`).
    """
    height, width = understood.size_px
    sizes = ", ".join(f"{len(rows)} {split}" for split, rows in understood.partitions["default"].items())
    listed = "the table" if "labels" in places else "the folders"
    by = "the table" if understood.drawn == AS_GIVEN else "as usual"
    alone = understood.bands[0].kind == NO_PIXELS
    of = "names, without pixels" if alone else f"of {understood.dtype}"
    rows = [
        ("images", f"{len(understood.files)} {of}, such as {understood.files[0]}", ("labels",), listed),
        ("labels", _labels(understood), ("label_column", "task", "class_names"), listed),
        ("splits", f"{sizes} ({understood.drawn})", ("group_by", "block_km"), by),
    ]
    if not alone:
        rows[1:1] = [
            ("size", f"{height} x {width} px{_fitted(understood)}", ("fit", "size"), "most images"),
            *(("bands", bands, ("bands", "unit", "no_data"), "the files") for bands in _bands(understood)),
        ]
    if understood.imported:
        table = rows_table((understood.name, "understood when it was imported"), [row[:2] for row in rows])
        said = "Imported: its arrays are read, not the images."
    else:
        told = [
            (what, found, _said_where(settings, places, otherwise), " ".join(map(option, settings)))
            for what, found, settings, otherwise in rows
        ]
        table = rows_table((understood.name, "understood", "from", "to correct"), told)
        said = f"A file {FILE} in the folder of the images says all of this once for all."
    notes = [Text(plain(note), style="yellow") for note in understood.notes]
    values = [] if alone else [prose(visible(_values(understood)))]
    return Group(table, *values, *notes, Text(said, style="dim"))


def _said_where(settings: Sequence[str], places: Mapping[str, str], otherwise: str) -> str:
    """Options speak for themselves; of those that a file says, their names; what nobody said is from elsewhere."""
    said = [key for key in settings if key in places]
    told = [where if (where := places[key]) == option(key) else f"{key} in {where}" for key in said]
    return ", ".join(told if len(said) == len(settings) else [*told, otherwise])


def _bands(understood: Understood) -> list[str]:
    """A text for all bands of the same sensor, unit and value of no data; with their names where there are several."""
    alike: dict[tuple[object, ...], list[str]] = {}
    for band in understood.bands:
        nothing = "" if band.no_data is None else f", no data {band.no_data:g}"
        alike.setdefault((band.kind, band.unit or "not known", nothing), []).append(band.name)
    return [
        f"{len(names)} of {kind}, unit {unit}{nothing}{f': {list_names(names)}' if len(alike) > 1 else ''}"
        for (kind, unit, nothing), names in alike.items()
    ]


def _values(understood: Understood) -> str:
    """Each band with its least, greatest and mean value."""
    told = (
        f"{band.name} {f'{values[0]:.4g} to {values[2]:.4g} ({values[1]:.4g})' if values else 'without data'}"
        for band, values in zip(understood.bands, understood.examples, strict=True)
    )
    return f"Bands, least to greatest value (mean): {', '.join(told)}"


def _fitted(understood: Understood) -> str:
    if not understood.n_fitted:
        return ""
    how = {Fit.CROP: "cropped in the middle, no data beyond it", Fit.RESAMPLE: "resampled"}[understood.fit]
    return f"; {understood.n_fitted} of another size are {how}"


def _labels(understood: Understood) -> str:
    kind, names = understood.label_kind, understood.class_names
    if kind is LabelKind.SINGLE_LABEL:
        counts = Counter(understood.labels)
        shown = [f"{name} {counts[i]}" for i, name in enumerate(names[:_MOST_CLASSES])]
        more = f" and {len(names) - _MOST_CLASSES} more" if len(names) > _MOST_CLASSES else ""
        return f"{len(names)} classes: {', '.join(shown)}{more}"
    first = understood.labels[0]
    example = ", ".join(f"{value:g}" for value in first[:8]) if isinstance(first, tuple) else first
    what = {LabelKind.REGRESSION: "numbers", LabelKind.PIXEL_REGRESSION: "numbers of pixels"}.get(kind)
    return f"{what or f'{len(names)} classes ({kind})'}: {list_names(names)}; first: {example}"
