"""Curves of a training's log, drawn with matplotlib."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mp_mae.errors import UserError
from mp_mae.pictures.canvas import INCH, TARGET_COLOUR, check_writable, write_picture
from mp_mae.training.log import StepRecord, read_log


def draw_curves(log: Path, out: Path) -> None:
    """Write a panel for each loss, for their total, the rate, the gradient and the speed, against steps.

    Raises:
        UserError: no log, an empty one, or the picture cannot be written.
    """
    check_writable(out)
    records = read_log(log)
    if not records:
        raise UserError(f"{log}: holds no step yet. Wait for the first.")
    names = list(records[-1].losses)
    panels: list[tuple[str, Callable[[StepRecord], float | None]]] = [
        *((f"{name} loss", lambda record, name=name: record.losses[name]) for name in names),
        ("weighted total", lambda record: record.total),
        ("learning rate", lambda record: record.rate),
        ("gradient norm", lambda record: record.gradient_norm),
        ("images per second", lambda record: record.images_per_second),
    ]
    n_cols = 4
    n_rows = -(-len(panels) // n_cols)
    figure = Figure(figsize=(n_cols * 2 * INCH, n_rows * 1.4 * INCH))
    height = figure.get_figheight()  # margins in inches; a layout that measures every label takes longer than all else
    figure.subplots_adjust(0.06, 0.35 / height, 0.985, 1 - 0.3 / height, wspace=0.3, hspace=0.4)
    axes = figure.subplots(n_rows, n_cols, squeeze=False).flat
    for (title, value_of), each in zip(panels, axes, strict=False):  # in this order, no unused panel gets lost
        points = [(record.step, value) for record in records if (value := value_of(record)) is not None]
        _draw_curve(each, title, points)
    for unused in list(axes):
        unused.axis("off")
    write_picture(figure, out)


def _draw_curve(axis: Axes, title: str, points: Sequence[tuple[int, float]]) -> None:
    axis.set_title(title if points else f"{title}: no target yet", fontsize=8)
    axis.tick_params(labelsize=6)
    axis.locator_params(nbins=4)
    if points:
        steps, values = zip(*points, strict=True)
        axis.plot(steps, values, color=TARGET_COLOUR, alpha=0.3, linewidth=0.8)
        axis.plot(steps, _smooth(values), color=TARGET_COLOUR, linewidth=1.2)


def _smooth(values: Sequence[float]) -> np.ndarray:
    """Mean over a window of a twentieth of the curve around each point, shorter at the ends."""
    half = len(values) // 40
    total = np.concatenate([[0.0], np.cumsum(values)])
    first = np.maximum(np.arange(len(values)) - half, 0)
    last = np.minimum(np.arange(len(values)) + half + 1, len(values))
    return (total[last] - total[first]) / (last - first)
