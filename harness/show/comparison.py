"""How comparisons of backbones or protocols are shown: tables for the terminal, or rows for programs."""

import re
from collections.abc import Sequence
from itertools import groupby

from rich.console import Group, RenderableType
from rich.text import Text

from harness.show.tables import NO_BREAK, FittedTable, prose
from harness.show.visible_text import plain
from leaderboards.alarm import Alarm
from leaderboards.query import Table as Rows
from leaderboards.statistics.comparison import Comparison
from leaderboards.statistics.estimates import SURE, Estimate
from leaderboards.statistics.mean_difference import MeanDifference, mean_differences
from leaderboards.words import mean_in_words, saved, verdict

FRACTION, ERROR = ".3f", ".4g"
"""How scores without a unit, and errors in that of the labels, are written."""


def comparison_tables(comparisons: Sequence[Comparison], alarms: Sequence[Alarm]) -> Group:
    """For each rival what was found in words and a table, a row per dataset and protocol; below all what it means.

    Args:
        alarms: of any points; a line for each that is compared here.
    """
    if not comparisons:
        return Group(Text("Nothing to compare: the two have no point on the same samples."))
    parts: list[RenderableType] = []
    for (a, b), of_rival in groupby(comparisons, key=lambda row: row.names):
        rows = list(of_rival)
        means = mean_differences(rows)
        lines = [f"A {a}, B {b}", verdict(rows), *map(mean_in_words, means)]
        parts += [prose(line, style="bold" if line is lines[0] else "") for line in lines]
        parts += [_table(rows, means), Text("")]
    told = [prose(alarm.describe(), style="yellow") for alarm in _alarms_of(alarms, comparisons)]
    return Group(*parts, prose(_caption(comparisons), style="dim"), *told)


def comparison_rows(comparisons: Sequence[Comparison]) -> Rows:
    """One row per comparison, numbers as they are; `sure` says whether A and B are told apart."""
    columns = (
        "a", "b", "suite", "dataset", "kind", "protocol", "selection", "train_draw", "partition", "n_labels", "metric",
        "higher_is_better", "a_value", "a_low", "a_high", "b_value", "b_low", "b_high", "difference", "ci_low",
        "ci_high", "p_adjusted", "sure", "noise", "n_paired", "one_seed", "label_saving", "saving_low", "saving_high",
        "labels_needed",
    )  # fmt: skip
    rows = [
        (
            *c.names, c.suite, c.dataset, c.kind, c.protocol, c.selection, c.train_draw, c.partition, c.n_labels,
            c.metric, c.higher_is_better, *c.a, *c.b, *c.difference, c.p_adjusted, c.sure, c.noise, c.n_paired,
            c.one_seed,
            *(c.saving.saving if c.saving else (None,) * 3), c.saving.labels_needed if c.saving else None,
        )
        for c in comparisons
    ]  # fmt: skip
    return Rows(columns, rows)


def _table(comparisons: Sequence[Comparison], means: Sequence[MeanDifference]) -> FittedTable:
    table = FittedTable()
    for heading in ("dataset", "score", "A - B", "labels saved"):
        table.add_column(heading)
    for row in comparisons:
        cells = (
            f"{row.dataset}\n{row.protocol}\n"
            + (f"{row.kind}\n" if row.kind else "")
            + f"{row.partition}, {row.n_labels} labels",
            f"A {_interval(row.a, _form(row), ' ')}\nB {_interval(row.b, _form(row), ' ')}",
            _interval(row.difference, f"+{_form(row)}", f"{_sign(row.sure)}\n") + _p(row.p_adjusted, row.one_seed),
            _saving(row),
        )
        table.add_row(*map(plain, cells), style="bold" if row.sure else None)
    for mean in means:
        how = mean.protocol if mean.axis == "partition" else f"{mean.protocol}, {mean.axis}"
        how += f"\n{mean.kind}" if mean.kind else ""
        cells = (
            f"mean of {len(mean.datasets)} datasets\n{how}",
            f"A {_short(mean.a, FRACTION)}\nB {_short(mean.b, FRACTION)}",
            _interval(mean.difference, f"+{FRACTION}", f"{_sign(mean.sure)}\n") + _p(mean.p_adjusted),
            "" if mean.saving is None else _saved(mean.saving),
        )
        table.add_row(*map(plain, cells), style="bold" if mean.sure else None)
    return table


def _caption(comparisons: Sequence[Comparison]) -> str:
    noise = " or ".join(dict.fromkeys(row.noise for row in comparisons))
    caption = (
        f"In brackets 95 % intervals; those of A - B cover noise of {noise}{_pairing(comparisons)}. p: of no "
        f"difference, adjusted by Holm for {len(comparisons)} rows (means: for all means of one table); * and bold: "
        f"below {SURE}, else a tie. labels saved: share of B's labels that A does without when it reaches B's score "
        "with all of them, named only where the interval leaves out 0; below 0 it needs more."
    )
    if any(row.one_seed for row in comparisons):
        caption += " 1 seed, at this or another number of labels: found of these runs alone; another seed may differ."
    if mixed := sum(row.mixed for row in comparisons):
        caption += (
            f" In {mixed} rows A and B were not run by the same rules: the version of the run's identity or the names "
            "of bands (stored, corrected) differ."
        )
    if errors := dict.fromkeys(row.metric for row in comparisons if not row.higher_is_better):
        caption += f" Of {' and '.join(errors)} lower is better: the difference is B - A, + still says A is better."
        if len({row.dataset for row in comparisons}) > 1:
            caption += " Errors have the unit of the labels: no mean over datasets."
    return caption


def _alarms_of(alarms: Sequence[Alarm], comparisons: Sequence[Comparison]) -> list[Alarm]:
    compared = {(curve_id, row.partition) for row in comparisons for curve_id in row.curve_ids}
    return [alarm for alarm in alarms if (alarm.curve_id, alarm.partition) in compared]


def _form(row: Comparison) -> str:
    """Errors have the unit of the labels, and any size."""
    return FRACTION if row.higher_is_better else ERROR


def _pairing(comparisons: Sequence[Comparison]) -> str:
    """How many seeds were compared pair by pair, where any were."""
    counts = sorted({row.n_paired for row in comparisons if row.n_paired is not None})
    return f"; {' or '.join(map(str, counts))} seeds that both have, in pairs" if counts else ""


def _interval(estimate: Estimate, form: str, between: str) -> str:
    if estimate.value is None:
        return "undefined"
    value = _short(estimate.value, form)
    if estimate.ci_low is None or estimate.ci_high is None:
        return value
    return f"{value}{between}[{_short(estimate.ci_low, form)},{NO_BREAK}{_short(estimate.ci_high, form)}]"


def _short(value: float, form: str) -> str:
    """0.123 as .123, for three intervals must fit a line."""
    return re.sub(r"^([+-]?)0\.", r"\1.", format(value, form))


def _sign(sure: bool) -> str:
    return " *" if sure else ""


def _p(p: float | None, one_seed: bool = False) -> str:
    if p is None:
        return "\nnoise unknown"
    told = "p <.001" if p < 0.001 else f"p {_short(p, FRACTION)}"
    return f"\n{told}{', 1 seed' if one_seed else ''}"


def _saving(row: Comparison) -> str:
    if row.saving is None:
        return ""
    if row.saving.labels_needed is None and row.saving.saving.sure:
        return f"never reaches B\n{_saved(row.saving.saving).splitlines()[-1]}"
    return _saved(row.saving.saving, at_most=row.saving.at_most)


def _saved(saving: Estimate, *, at_most: bool = False) -> str:
    if saving.ci_low is None or saving.ci_high is None or saving.value is None:
        return "unknown"
    word = f"{'>' if at_most else ''}{saved(saving.value)}" if saving.sure else "not sure"
    return f"{word}\n[{saved(saving.ci_low)},{NO_BREAK}{saved(saving.ci_high)}]"
