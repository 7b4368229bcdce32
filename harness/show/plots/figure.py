"""Label-efficiency curves as a picture."""

import math
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypedDict

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from harness.errors import UserError
from harness.show.plots.curves import Curve, Panel
from leaderboards.file.drafts import replacing
from leaderboards.looks import COLOURS

MARKERS = "os^Dv>P<"
"""The shapes of the report, in its order."""
_DASHES = ("-", "--", ":", "-.")
_LETTERS_PER_INCH, _SAMPLE_LETTERS = 16, 6
"""Of the legend: letters of a name, and what a sample of the line takes beside it."""
_MOST_COLUMNS = 3


class Style(TypedDict):
    """How matplotlib draws a look."""

    color: str
    marker: str


def style_of(look: int) -> Style:
    """Colours and markers go on at different paces, so that each pair comes once."""
    turn = look // len(COLOURS)
    return {"color": COLOURS[look % len(COLOURS)], "marker": MARKERS[(look + turn) % len(MARKERS)]}


def draw_figure(panels: Sequence[Panel], path: Path) -> None:
    """Write the picture of some panels.

    Raises:
        UserError: the file cannot be written, or its ending is of no picture.
    """
    write_figure(build_figure(panels), path)


def build_figure(panels: Sequence[Panel]) -> Figure:
    """One panel beside the other, three in a row.

    Bands are 95 % intervals, faint dots the seeds, and a hollow mark is a point of one seed.
    """
    columns = min(_MOST_COLUMNS, len(panels))
    rows = math.ceil(len(panels) / columns)
    figure = Figure(figsize=(4.2 * columns + 1.8 * (columns == 1), 3.4 * rows + 0.6), layout="constrained")
    lines: dict[str, Line2D] = {}
    for place, panel in enumerate(panels, start=1):
        lines |= draw_panel(figure.add_subplot(rows, columns, place), panel)
    if any(len(point.of_seeds) == 1 for panel in panels for curve in panel.curves for point in curve.points):
        lines["one seed"] = Line2D([], [], color="0.4", linestyle="", marker="o", markersize=5, markerfacecolor="white")
    _add_legend(figure, lines)
    return figure


def write_figure(figure: Figure, path: Path) -> None:
    """Write a picture, as large as all that is drawn, and the folder it is to lie in.

    Raises:
        UserError: the file cannot be written, or its ending is of no picture.
    """
    try:
        with replacing(path) as draft:
            figure.savefig(draft, dpi=120, bbox_inches="tight")  # a legend wider than its picture is not cut off
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot write the picture ({error}). Name another file, .png, .svg or .pdf") from error


def draw_panel(axis: Axes, panel: Panel) -> dict[str, Line2D]:
    """Draw the curves of a panel; the line of each, by its name, for a legend."""
    lines = {curve.name: _draw_curve(axis, curve) for curve in panel.curves}
    n_labels = [point.n_labels for curve in panel.curves for point in curve.points]
    axis.set_xscale("log")
    axis.set_xlim(min(n_labels) / 1.2, max(n_labels) * 1.2)
    axis.xaxis.set_major_locator(FixedLocator(label_ticks(min(n_labels), max(n_labels))))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.xaxis.set_major_formatter(FuncFormatter(lambda n, _: f"{n / 1000:g}k" if n >= 10_000 else f"{n:g}"))
    axis.set_title(textwrap.fill(panel.title, 52), fontsize=9, parse_math=False)
    axis.set_xlabel("labels, to fit and to choose", fontsize=8)
    axis.set_ylabel(panel.metric, fontsize=8)
    axis.tick_params(labelsize=8)
    axis.grid(alpha=0.3)
    axis.spines[["top", "right"]].set_visible(False)
    return lines


def label_ticks(low: int, high: int) -> list[int]:
    """1, 2 and 5 times powers of ten around two numbers of labels; over three decades the powers alone."""
    digits = (1, 2, 5) if high < 1000 * low else (1,)
    ticks = [digit * 10**power for power in range(len(str(low)) - 1, len(str(high)) + 1) for digit in digits]
    return [tick for tick in ticks if low / 1.2 <= tick <= high * 1.2] or [low]


def _draw_curve(axis: Axes, curve: Curve) -> Line2D:
    style = style_of(curve.look)
    known = [(p.n_labels, p.low, p.high) for p in curve.points if p.low is not None and p.high is not None]
    if known:
        n_labels, low, high = zip(*known, strict=True)
        axis.fill_between(n_labels, low, high, color=style["color"], alpha=0.12, linewidth=0)
    of_seeds = [(p.n_labels, value) for p in curve.points if len(p.of_seeds) > 1 for value in p.of_seeds]
    if of_seeds:
        axis.plot(*zip(*of_seeds, strict=True), ".", color=style["color"], markersize=4, alpha=0.3)
    dashes = _DASHES[curve.variant % len(_DASHES)]
    means = [(p.n_labels, p.value) for p in curve.points]
    (line,) = axis.plot(*zip(*means, strict=True), linestyle=dashes, **style, markersize=5, linewidth=1.5)
    single = [(p.n_labels, p.value) for p in curve.points if len(p.of_seeds) == 1]
    if single:
        axis.plot(*zip(*single, strict=True), linestyle="", **style, markersize=5, markerfacecolor="white")
    return line


def _add_legend(figure: Figure, lines: Mapping[str, Line2D]) -> None:
    """Every name once, below the panels."""
    widest = max(map(len, lines)) + _SAMPLE_LETTERS
    columns = max(1, int(figure.get_figwidth() * _LETTERS_PER_INCH / widest))
    names = [f" {name}" for name in lines]  # of names that begin with an underscore matplotlib makes no entry
    legend = figure.legend(
        list(lines.values()), names, loc="outside lower center", ncols=columns, fontsize=8, frameon=False
    )
    for text in legend.get_texts():
        text.set_parse_math(False)
