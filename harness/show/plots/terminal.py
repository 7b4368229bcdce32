"""Label-efficiency curves in characters: for a terminal of 80 columns, a log file or an e-mail."""

import math
from collections.abc import Iterator
from itertools import pairwise
from string import ascii_lowercase

from harness.show.plots.curves import Curve, Panel

WIDTH, HEIGHT = 62, 14
"""Of the plotting area, in characters."""


def draw_text(panel: Panel) -> Iterator[str]:
    """Lines of at most 80 characters: score against number of labels on a logarithmic axis, a letter for each curve.

    Points are joined by dots; where several meet, a star stands for them.
    """
    points = [point for curve in panel.curves for point in curve.points]
    worst, best = min(p.value for p in points), max(p.value for p in points)
    power = _power(worst, best)
    low, high = _round_limits(worst, best, 0.05 * 10**power)
    first, last = (math.log(pick(p.n_labels for p in points)) for pick in (min, max))

    def column(n_labels: float) -> int:
        return round((math.log(n_labels) - first) / (last - first or 1) * (WIDTH - 1))

    def row(value: float) -> int:
        return round((high - value) / (high - low) * (HEIGHT - 1))

    canvas = [[" "] * WIDTH for _ in range(HEIGHT)]
    for curve in panel.curves:
        _draw_line(canvas, [(column(p.n_labels), row(p.value)) for p in curve.points])
    for letter, curve in zip(_letters(panel), panel.curves, strict=True):
        for point in curve.points:
            y, x = row(point.value), column(point.n_labels)
            canvas[y][x] = letter if canvas[y][x] in (" ", ".", letter) else "*"
    ticks = {row(value): _label(value, 2 - power) for value in _ticks(low, high, 10**power)}
    yield panel.title
    for y, cells in enumerate(canvas):
        yield f"{ticks.get(y, ''):7} |{''.join(cells)}".rstrip()
    yield " " * 8 + "+" + "-" * WIDTH
    yield _axis({column(p.n_labels): p.n_labels for p in points})
    yield " " * 9 + f"{panel.metric} against number of labels"
    for letter, curve in zip(_letters(panel), panel.curves, strict=True):
        yield " " * 9 + f"{letter} {curve.name}: {_described(curve)}"[:71]


def _letters(panel: Panel) -> str:
    return (ascii_lowercase * (len(panel.curves) // 26 + 1))[: len(panel.curves)]


def _described(curve: Curve) -> str:
    last = curve.points[-1]
    form = ".3f" if abs(last.value) < 10 else ".4g"
    interval = "" if last.low is None else f" [{last.low:{form}}, {last.high:{form}}]"
    return f"{last.value:{form}}{interval} with {last.n_labels} labels"


def _draw_line(canvas: list[list[str]], cells: list[tuple[int, int]]) -> None:
    for (x0, y0), (x1, y1) in pairwise(cells):
        for x in range(x0, x1 + 1):
            y = round(y0 + (y1 - y0) * (x - x0) / (x1 - x0 or 1))
            if canvas[y][x] == " ":
                canvas[y][x] = "."


def _power(low: float, high: float) -> int:
    """The power of ten by which the scale differs from that of fractions: errors may be of any size."""
    size = max(abs(low), abs(high))
    spread = max(high - low, size * 1e-12)  # numbers that large tell no smaller steps apart
    if spread > 3.25:
        return math.ceil(math.log10(spread / 3.25))
    return math.floor(math.log10(size / 0.05)) if 0 < size < 0.05 else 0


def _round_limits(low: float, high: float, step: float) -> tuple[float, float]:
    """The nearest multiples of a step outside, at least one step apart."""
    bottom, top = math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step
    return bottom, max(top, bottom + step)


def _ticks(low: float, high: float, unit: float) -> list[float]:
    """Multiples of 0.05, 0.1, 0.2 or 0.5 units between the limits, at most seven."""
    step = unit * next((step for step in (0.05, 0.1, 0.2) if (high - low) / (step * unit) < 6.5), 0.5)
    return [i * step for i in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def _label(value: float, decimals: int) -> str:
    """In 7 columns."""
    text = f"{value:7.{max(decimals, 0)}f}"
    return text if len(text) == 7 else f"{value:7.1e}"


def _axis(marks: dict[int, int]) -> str:
    """Numbers of labels below their columns, as many as fit."""
    line = " " * (9 + WIDTH + 4)
    for x, n_labels in sorted(marks.items()):
        text = str(n_labels)
        at = 9 + x - len(text) // 2
        if not line[max(at - 1, 0) : at + len(text) + 1].strip() and at + len(text) <= 80:
            line = line[:at] + text + line[at + len(text) :]
    return line.rstrip()
