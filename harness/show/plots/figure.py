"""Label-efficiency curves as a picture."""

import math
from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.errors import UserError
from harness.show.plots.curves import Panel

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's, which colour-blind readers can tell apart; markers repeat what the colours say."""
MARKERS = "osD^vPX"


def draw_figure(panels: Sequence[Panel], path: Path) -> None:
    """One panel beside the other, at most four in a row; bands are 95 % intervals.

    Raises:
        UserError: the file cannot be written, or its ending is of no picture.
    """
    columns = min(4, len(panels))
    rows = math.ceil(len(panels) / columns)
    figure = Figure(figsize=(4.2 * columns, 3.4 * rows + 0.5), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).flat
    names = list(dict.fromkeys(curve.name for panel in panels for curve in panel.curves))
    for axis, panel in zip(axes, panels, strict=False):
        _draw_panel(axis, panel, names)
    for axis in list(axes)[len(panels) :]:
        axis.set_visible(False)
    handles = {label: line for a in figure.axes for line, label in zip(*a.get_legend_handles_labels(), strict=True)}
    figure.legend(
        [handles[name] for name in names], names, loc="outside lower center", ncols=min(5, len(names)), frameon=False
    )
    write_figure(figure, path)


def write_figure(figure: Figure, path: Path) -> None:
    """Write a picture, and the folder it is to lie in.

    Raises:
        UserError: the file cannot be written, or its ending is of no picture.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=120)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot write the picture ({error}). Name another file, .png, .svg or .pdf") from error


def _draw_panel(axis: Axes, panel: Panel, names: list[str]) -> None:
    for curve in panel.curves:
        index = names.index(curve.name)
        colour = COLOURS[index % len(COLOURS)]
        labels = [point.n_labels for point in curve.points]
        values = [point.value for point in curve.points]
        marker = MARKERS[index % len(MARKERS)]
        axis.plot(labels, values, color=colour, marker=marker, markersize=4, linewidth=1.5, label=curve.name)
        known = [(p.n_labels, p.low, p.high) for p in curve.points if p.low is not None and p.high is not None]
        if known:
            x, low, high = zip(*known, strict=True)
            axis.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)
    axis.set_xscale("log")
    axis.set_title(panel.title, fontsize=9)
    axis.set_xlabel("labels, to fit and to choose", fontsize=8)
    axis.set_ylabel(panel.metric, fontsize=8)
    axis.tick_params(labelsize=8)
    axis.grid(alpha=0.3)
