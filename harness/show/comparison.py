"""How a comparison of two backbones or protocols is shown: a table that fits 80 columns."""

import re
import textwrap
from collections.abc import Sequence

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from harness.show.visible_text import plain
from leaderboards.alarm import Alarm
from leaderboards.statistics.comparison import Comparison
from leaderboards.statistics.mean_difference import mean_differences
from leaderboards.statistics.replicates import Estimate

WIDTH = 80
SURE = 0.05
FRACTION, ERROR = ".3f", ".4g"
"""How scores without a unit, and errors in that of the labels, are written."""


def comparison_table(a: str, b: str, comparisons: Sequence[Comparison], alarms: Sequence[Alarm]) -> Group:
    """One row per dataset and protocol, then the means over datasets; what the columns mean stands below.

    Args:
        alarms: of any points; a line for each that is compared here.
    """
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=0, width=WIDTH)
    table.add_column("dataset", overflow="fold", ratio=1)
    for heading in ("A", "B"):
        table.add_column(heading, justify="left", no_wrap=True)
    table.add_column("A - B", justify="left", no_wrap=True)
    table.add_column("p", justify="right", no_wrap=True)
    table.add_column("saving", justify="left", no_wrap=True)
    for row in comparisons:
        sure = row.p_adjusted is not None and row.p_adjusted < SURE
        table.add_row(
            plain(f"{row.dataset}\n{row.protocol}\n{row.partition}"),
            _two_lines(row.a, _score_format(row)),
            _two_lines(row.b, _score_format(row)),
            _two_lines(row.difference, f"+{_score_format(row)}"),
            _p(row.p_adjusted),
            _saving(row),
            style="bold" if sure else None,
        )
    table.add_section()
    for mean in mean_differences(comparisons):
        table.add_row(
            plain(f"mean of {len(mean.datasets)} datasets\n{mean.protocol}"),
            _short(mean.a, FRACTION),
            _short(mean.b, FRACTION),
            _two_lines(mean.difference, f"+{FRACTION}"),
        )
    noise = " or ".join(dict.fromkeys(row.noise for row in comparisons))
    caption = (
        f"A {a}, B {b}. Below each score its 95 % interval (noise of {noise}{_pairing(comparisons)}). p: of no "
        f"difference, adjusted for {len(comparisons)} rows by Holm; bold below {SURE}. saving: share of B's labels "
        "that A does without when it reaches B's score with all of them; -inf: it may never reach it."
    )
    if mixed := sum(row.mixed for row in comparisons):
        caption += (
            f" In {mixed} rows A and B were not run by the same rules: the version of the run's identity or the names "
            "of bands (stored, corrected) differ."
        )
    if errors := dict.fromkeys(row.metric for row in comparisons if not row.higher_is_better):
        caption += f" Of {' and '.join(errors)} lower is better: the difference is B - A, + still says A is better."
        if len({row.dataset for row in comparisons}) > 1:
            caption += " Errors have the unit of the labels: no mean over datasets."
    told = [
        Text(textwrap.fill(plain(alarm.describe()), WIDTH), style="yellow") for alarm in _alarms_of(alarms, comparisons)
    ]
    return Group(table, Text(textwrap.fill(caption, WIDTH), style="dim"), *told)


def _alarms_of(alarms: Sequence[Alarm], comparisons: Sequence[Comparison]) -> list[Alarm]:
    compared = {(curve_id, row.partition) for row in comparisons for curve_id in row.curve_ids}
    return [alarm for alarm in alarms if (alarm.curve_id, alarm.partition) in compared]


def _score_format(row: Comparison) -> str:
    """Errors have the unit of the labels, and any size."""
    return FRACTION if row.higher_is_better else ERROR


def _pairing(comparisons: Sequence[Comparison]) -> str:
    """How many seeds were compared pair by pair, where any were."""
    counts = sorted({row.n_paired for row in comparisons if row.n_paired is not None})
    return f"; {' or '.join(map(str, counts))} seeds that both have, in pairs" if counts else ""


def _two_lines(estimate: Estimate, form: str) -> str:
    if estimate.value is None:
        return "undefined"
    value = _short(estimate.value, form)
    if estimate.ci_low is None or estimate.ci_high is None:
        return value
    return plain(f"{value}\n[{_short(estimate.ci_low, form)}, {_short(estimate.ci_high, form)}]")


def _short(value: float, form: str) -> str:
    """0.123 as .123, for three intervals must fit a line."""
    return re.sub(r"^([+-]?)0\.", r"\1.", format(value, form))


def _p(p: float | None) -> str:
    if p is None:
        return ""
    return "<.001" if p < 0.001 else _short(p, FRACTION)


def _saving(row: Comparison) -> str:
    if row.saving is None:
        return ""
    value, low, high = row.saving.saving
    first = "never" if value is None else f"{'>' if row.saving.at_most else ''}{value:.0%}"
    if high is None:
        return first
    return plain(f"{first}\n[{'-inf' if low is None else format(low, '.0%')}, {high:.0%}]")
