"""Curves of a training's log, drawn with matplotlib."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mp_mae.errors import UserError
from mp_mae.modalities import MODALITIES
from mp_mae.pictures.canvas import INCH, TARGET_COLOUR, check_writable, write_picture
from mp_mae.training.log import StepRecord, read_log

VALIDATION_COLOUR = "#dd8452"
LEGEND = (
    "faint: single steps, line: their running mean, orange: validation and probe, dotted: constant prediction, chance"
)
_COLUMNS = 4
CHANCE = "chance"
"""What of a measure is no curve of its own, but a line in the panels of the others."""

Points = Sequence[tuple[int, float]]
"""(step, value)."""


@dataclass(frozen=True)
class _Panel:
    title: str
    points: Points
    held_out: Points = ()
    constant: float | None = None
    """The loss of whoever always predicts the same, or what chance gives."""


def draw_curves(log: Path, out: Path) -> None:
    """Write the picture of a log.

    Raises:
        UserError: no log, an empty one, or the picture cannot be written.
    """
    check_writable(out)
    records = read_log(log)
    if not records:
        raise UserError(f"{log}: holds no step yet. Wait for the first.")
    write_picture(build_curves(records), out)


def build_curves(records: Sequence[StepRecord]) -> Figure:
    """A panel for each loss, for what else held-out tiles say, the total, the rate, the gradient and the speed."""
    panels = [*_losses(records), *_looks(records), *_rest(records)]
    n_rows = -(-len(panels) // _COLUMNS)
    figure = Figure(figsize=(_COLUMNS * 2 * INCH, (n_rows * 1.4 + 0.2) * INCH))
    height = figure.get_figheight()  # margins in inches; a layout that measures every label takes longer than all else
    figure.subplots_adjust(0.06, 0.45 / height, 0.985, 1 - 0.6 / height, wspace=0.3, hspace=0.5)
    figure.suptitle(LEGEND, fontsize=7, x=0.06, ha="left", y=1 - 0.1 / height, va="top")
    last = max(record.step for record in records)
    for place, panel in enumerate(panels, start=1):
        _draw(figure.add_subplot(n_rows, _COLUMNS, place), panel, last)
    return figure


def constant_loss(name: str) -> float | None:
    """The loss of predicting a modality's mean, or all its classes alike; None where the loss is none of a modality.

    Numbers are standardised, so that their mean is 0 and the squared error of predicting it 1, and so are the patches
    of Sentinel-2 where each is normalised.
    """
    if name not in MODALITIES:
        return None
    modality = MODALITIES[name]
    return math.log(modality.n_classes) if modality.kind.is_class else 1.0


def _losses(records: Sequence[StepRecord]) -> list[_Panel]:
    names = next((list(record.losses) for record in reversed(records) if record.losses), [])
    steps = {name: [(r.step, loss) for r in records if (loss := r.losses.get(name)) is not None] for name in names}
    held_out = {
        name: [(r.step, r.held_out["loss"][name]) for r in records if name in r.held_out.get("loss", ())]
        for name in names
    }
    return [_Panel(f"{name} loss", steps[name], held_out[name], constant_loss(name)) for name in names]


def _looks(records: Sequence[StepRecord]) -> list[_Panel]:
    """What an objective finds on held-out tiles beside its losses."""
    looks = [(r.step, measure, values) for r in records for measure, values in r.held_out.items() if measure != "loss"]
    chance = {measure: values[CHANCE] for _, measure, values in looks if CHANCE in values}
    points: dict[tuple[str, str], list[tuple[int, float]]] = {}
    for step, measure, values in looks:
        for of, value in values.items():
            points.setdefault((measure, of), []).append((step, value))
    return [
        _Panel(f"{measure}, {of}", (), values, chance.get(measure))
        for (measure, of), values in points.items()
        if of != CHANCE
    ]


def _rest(records: Sequence[StepRecord]) -> list[_Panel]:
    values = {
        "weighted total": [record.total for record in records],
        "learning rate": [record.rate for record in records],
        "gradient norm": [record.gradient_norm for record in records],
        "images per second": [record.images_per_second for record in records],
    }
    steps = [record.step for record in records]
    return [_Panel(title, list(zip(steps, of, strict=True))) for title, of in values.items()]


def _draw(axis: Axes, panel: _Panel, last: int) -> None:
    axis.set_title(panel.title if panel.points or panel.held_out else f"{panel.title}: no target yet", fontsize=8)
    axis.set_xlabel("step", fontsize=7, labelpad=1)
    axis.set_xlim(0, last)
    axis.tick_params(labelsize=6)
    axis.locator_params(nbins=4)
    if panel.points:
        steps, values = zip(*panel.points, strict=True)
        axis.plot(steps, values, color=TARGET_COLOUR, alpha=0.3, linewidth=0.8)
        axis.plot(steps, _smooth(values), color=TARGET_COLOUR, linewidth=1.2)
    if panel.held_out:
        axis.plot(*zip(*panel.held_out, strict=True), "o-", color=VALIDATION_COLOUR, markersize=2.5, linewidth=1)
    if panel.constant is not None:
        axis.axhline(panel.constant, color="0.3", linestyle=":", linewidth=1)


def _smooth(values: Sequence[float]) -> np.ndarray:
    """Mean over a window of a twentieth of the curve around each point, shorter at the ends."""
    half = len(values) // 40
    total = np.concatenate([[0.0], np.cumsum(values)])
    first = np.maximum(np.arange(len(values)) - half, 0)
    last = np.minimum(np.arange(len(values)) + half + 1, len(values))
    return (total[last] - total[first]) / (last - first)
