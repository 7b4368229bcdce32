"""What other bands at test cost, as a picture: a panel a grid of lost bands, and one of training sets by test sets."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.show.band_losses import Grid, Loss, call_bands, in_band_order
from harness.show.plots.figure import style_of, write_figure

_SPREAD = 0.6
"""Of the distance of two bands, over which the backbones' dots stand beside each other."""


def draw_bands(losses: Sequence[Loss], path: Path) -> None:
    """Draw every grid. Bars are the paired 95 % interval of the loss: one that meets its line may be no loss.

    Raises:
        UserError: the file cannot be written, or its ending is of no picture.
    """
    panels = [*_dropped_panels(losses), *_transfer_panels(losses)]
    columns = min(2, len(panels))
    rows = math.ceil(len(panels) / columns)
    figure = Figure(figsize=(6.4 * columns, 3.6 * rows), layout="constrained")
    for place, draw in enumerate(panels, start=1):
        draw(figure.add_subplot(rows, columns, place))
    write_figure(figure, path)


def _dropped_panels(losses: Sequence[Loss]) -> list[Callable[[Axes], None]]:
    dropped = [loss for loss in losses if loss.dropped is not None]

    def panel(grid: Grid) -> Callable[[Axes], None]:
        return lambda axis: _draw_dropped(axis, grid, [loss for loss in dropped if loss.grid == grid])

    return [panel(grid) for grid in dict.fromkeys(loss.grid for loss in dropped)]


def _draw_dropped(axis: Axes, grid: Grid, losses: Sequence[Loss]) -> None:
    """One dot a band and backbone: the score without the band; the line is the score with all."""
    bands = in_band_order(loss.dropped or "" for loss in losses)
    sign = -1 if grid.higher_is_better else 1
    there = list(dict.fromkeys(loss.backbone for loss in losses))
    for place, name in enumerate(there):
        mine = [loss for loss in losses if loss.backbone == name]
        style = style_of(mine[0].look)
        whole = mine[0].same.value or 0.0
        axis.axhline(whole, color=style["color"], linewidth=1.2)
        aside = _SPREAD * ((place + 0.5) / len(there) - 0.5)
        for loss in mine:
            x = bands.index(loss.dropped or "") + aside
            if loss.loss.ci_low is not None and loss.loss.ci_high is not None:
                ends = [whole + sign * end for end in (loss.loss.ci_low, loss.loss.ci_high)]
                axis.plot([x, x], ends, color=style["color"], linewidth=1.2)
            axis.plot(x, whole + sign * (loss.loss.value or 0.0), **style, markersize=4)
        axis.plot([], [], **style, linestyle="-", markersize=4, label=name)
    axis.set_xticks(range(len(bands)), bands, fontsize=8)
    axis.set_title(f"{grid.title}: one band lost at test", fontsize=9)
    axis.set_xlabel("lost band; the line: none lost", fontsize=8)
    axis.set_ylabel(grid.metric + ("" if grid.higher_is_better else " (lower is better)"), fontsize=8)
    axis.tick_params(labelsize=8)
    axis.grid(alpha=0.3, axis="y")
    axis.legend(fontsize=7, frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=4)


def _transfer_panels(losses: Sequence[Loss]) -> list[Callable[[Axes], None]]:
    other = [loss for loss in losses if loss.dropped is None]

    def panel(grid: Grid, backbone: str) -> Callable[[Axes], None]:
        mine = [loss for loss in other if (loss.grid, loss.backbone) == (grid, backbone)]
        return lambda axis: _draw_transfer(axis, grid, backbone, mine)

    return [panel(*pair) for pair in dict.fromkeys((loss.grid, loss.backbone) for loss in other)]


def _draw_transfer(axis: Axes, grid: Grid, backbone: str, losses: Sequence[Loss]) -> None:
    """Scores of each training set of bands on each test set; what was not run is empty. Of several, as where the same
    new bands took other places, the colour is the best one's."""
    found: dict[tuple[str, str], dict[str, float]] = {}
    for loss in losses:
        train, test = _called(loss.train_bands), _called(loss.test_bands)
        for column, score in ((test, loss.value), (train, loss.same.value or 0.0)):
            found.setdefault((train, column), {})[f"{score:.3f}"] = score
    best = max if grid.higher_is_better else min
    scores = {cell: best(values.values()) for cell, values in found.items()}
    trains = list(dict.fromkeys(train for train, _ in scores))
    tests = list(dict.fromkeys([*trains, *(test for _, test in scores)]))
    matrix = np.array([[scores.get((train, test), np.nan) for test in tests] for train in trains])
    axis.imshow(matrix, cmap="viridis", aspect="auto")
    middle = (np.nanmin(matrix) + np.nanmax(matrix)) / 2
    for (train, test), score in scores.items():
        colour = "black" if score > middle else "white"
        place = tests.index(test), trains.index(train)
        axis.text(*place, "\n".join(found[train, test]), ha="center", va="center", color=colour, fontsize=8)
    axis.set_xticks(range(len(tests)), tests, fontsize=7)
    axis.set_yticks(range(len(trains)), trains, fontsize=7)
    axis.set_xlabel("bands at test", fontsize=8)
    axis.set_ylabel("bands of training", fontsize=8)
    axis.set_title(f"{backbone}, {grid.title}: {grid.metric}", fontsize=9)


def _called(bands: Sequence[str]) -> str:
    """A set of bands, whatever their order, one below the other."""
    return call_bands(in_band_order(bands)).replace(" ", "\n")
