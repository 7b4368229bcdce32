"""Embedding spaces as a picture: a row a backbone and colouring, PCA and t-SNE side by side."""

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.show.embeddings.agreement import Agreement
from harness.show.embeddings.colourings import Colouring
from harness.show.embeddings.look import Look
from harness.show.embeddings.space import Picture, Space
from harness.show.plots.figure import style_of, write_figure
from mp_mae.visible_text import visible

UNKNOWN = "#999999"
RAMP = "viridis"
_MOST_IN_LEGEND = 24


def draw_picture(look: Look, path: Path) -> None:
    """Draw each space by each colouring that was asked for, with the numbers that say how far to trust it.

    Raises:
        UserError: the file cannot be written, or its ending is of no picture.
    """
    lines = [(space, colouring) for space in look.spaces for colouring in look.chosen]
    figure = Figure(figsize=(11.5, 4.4 * len(lines)), layout="constrained")
    for part, (space, colouring) in zip(figure.subfigures(len(lines), 1, squeeze=False).flat, lines, strict=True):
        agreements = dict(look.agreements(colouring, space))
        simulated = " (simulated)" if look.simulated else ""
        full = describe(colouring, agreements.pop("the full space"), space)
        title = f"{space.backbone}, {look.dataset}{simulated}, {len(look.names)} images of {look.split}: {full}"
        part.suptitle(_plain(title), fontsize=9)
        for axis, picture in zip(part.subplots(1, 2), space.pictures, strict=True):
            _draw_points(axis, picture, colouring)
            here = describe(colouring, agreements[picture.name], space)
            axis.set_title(f"{here}\ntrustworthiness {picture.trustworthiness:.2f}", fontsize=8)
        _draw_key(part.axes[-1], colouring)
    write_figure(figure, path)


def describe(colouring: Colouring, agreement: Agreement, space: Space) -> str:
    """One number for people: what neighbours agree in, with its interval and chance."""
    what = "of the same" if colouring.classes else "correlation with the mean of"
    k = space.neighbours.shape[1]
    if agreement.value is None or agreement.chance is None:
        return f"{what} {k} neighbours: undefined"
    interval = "" if agreement.low is None else f" [{agreement.low:.2f}, {agreement.high:.2f}]"
    name = "class among" if colouring.classes else ""
    words = " ".join(filter(None, (what, name, f"{k} neighbours")))
    return f"{agreement.value:.2f}{interval} {words} (chance {agreement.chance:.2f})"


def _draw_points(axis: Axes, picture: Picture, colouring: Colouring) -> None:
    x, y = picture.points.T
    unknown = ~colouring.known
    if unknown.any():
        axis.scatter(x[unknown], y[unknown], s=9, facecolors="none", edgecolors=UNKNOWN, linewidths=0.6)
    if colouring.classes:
        for index in np.unique(colouring.values[colouring.known]).astype(int):
            of_class = colouring.values == index
            axis.scatter(x[of_class], y[of_class], **style_of(index), s=11, linewidths=0, alpha=0.8)
    else:
        known = colouring.known
        low, high = colour_limits(colouring)
        axis.scatter(x[known], y[known], c=colouring.values[known], cmap=RAMP, vmin=low, vmax=high, s=11, linewidths=0)
    share = "" if picture.explained is None else f", {picture.explained:.0%} of the variance"
    axis.set_xlabel(f"{picture.name}{share}", fontsize=8)
    axis.set_aspect("equal", adjustable="datalim")
    axis.set_xticks([])
    axis.set_yticks([])


def colour_limits(colouring: Colouring) -> tuple[float, float]:
    """Numbers at the ends of the colours: the 2nd and 98th percentile, so that no outlier makes all others alike."""
    known = colouring.values[colouring.known]
    if not len(known):
        return 0.0, 1.0
    low, high = np.percentile(known, (2, 98))
    return (float(low), float(high)) if high > low else (float(known.min()), float(known.max()))


def _draw_key(axis: Axes, colouring: Colouring) -> None:
    """What colours mean, on the right."""
    if not colouring.classes:
        low, high = colour_limits(colouring)
        scale = matplotlib.cm.ScalarMappable(matplotlib.colors.Normalize(low, high), RAMP)
        bar = axis.figure.colorbar(scale, ax=axis, extend="both")
        bar.set_label(_plain(", ".join(filter(None, (colouring.name, colouring.unit)))), fontsize=8)
        bar.ax.tick_params(labelsize=7)
        return
    there = np.unique(colouring.values[colouring.known]).astype(int)
    for index in there[:_MOST_IN_LEGEND]:
        axis.scatter([], [], **style_of(index), s=20, linewidths=0, label=_plain(colouring.classes[index]))
    more = len(there) - _MOST_IN_LEGEND
    if more > 0:
        axis.scatter([], [], s=0, label=f"and {more} more")
    axis.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=7, frameon=False)


def _plain(text: str) -> str:
    """Text from data as it stands: to matplotlib a dollar sign would begin a formula."""
    return visible(text).replace("$", r"\$")
