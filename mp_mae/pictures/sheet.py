"""The sheet of reconstructed tiles, drawn with matplotlib."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colorbar import Colorbar
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from mp_mae.modalities import OPTICAL, Kind, Modality
from mp_mae.pictures.canvas import INCH, TARGET_COLOUR, check_writable, write_picture
from mp_mae.pictures.reconstruction import Reconstruction, load_trained, reconstruct_tiles

RGB = ("B4", "B3", "B2")
PREDICTION_COLOUR = "#dd8452"
SHOWN_CLASSES = 5
"""Most probable classes of an image that are drawn; the true one is added."""


def reconstruct(weights: Path, data: Path, out: Path, *, rows: Sequence[int] | None, tiles: int, seed: int) -> None:
    """Write a sheet: for each tile the input, its mask, target and prediction of every modality.

    Raises:
        UserError: weights and data do not fit, or the picture cannot be written.
    """
    check_writable(out)
    shown = reconstruct_tiles(load_trained(weights), data, rows=rows, tiles=tiles, seed=seed)
    write_picture(draw_sheet(shown), out)


def draw_sheet(tiles: Sequence[Reconstruction]) -> Figure:
    """Two rows a tile for pixel modalities, target above prediction, and one of bars for image-level ones.

    The input stands once, as the target of Sentinel-2 where that is predicted.
    """
    pixel = [task for task in tiles[0].tasks if task.kind.is_pixel]
    image = [task for task in tiles[0].tasks if not task.kind.is_pixel]
    n_rows, n_cols = 2 + bool(image), 1 + max(len(pixel), len(image))
    figure = Figure(figsize=(n_cols * INCH, len(tiles) * n_rows * INCH * 1.15), layout="constrained")
    legend = "; bars: blue the target, orange predicted" if image else ""
    blocks = figure.subfigures(len(tiles), 1, squeeze=False)[:, 0]
    for block, tile in zip(blocks, tiles, strict=True):
        block.suptitle(f"tile {tile.tile_id}, row {tile.row}{legend}", fontsize=8, x=0.01, ha="left", parse_math=False)
        axes = block.subplots(n_rows, n_cols, squeeze=False)
        for each in axes.flat:
            each.axis("off")
        _draw_input(axes[:2, 0], tile)
        for column, task in enumerate(pixel, start=1):
            _DRAW[task.kind](axes[:2, column], task, tile)
        for column, task in enumerate(image, start=1):
            _DRAW[task.kind](axes[2:, column], task, tile)
    return figure


def _draw_input(axes: Sequence[Axes], tile: Reconstruction) -> None:
    shown = _view(tile.bands, tile.pixels)
    pixels = tile.pixels[shown.channels]
    predicted = any(task.name == OPTICAL for task in tile.tasks)
    if not predicted:
        _show(axes[0], shown, pixels, f"input {shown.title}")
    seen = np.where(tile.removed, np.nan, pixels)
    _show(axes[0 if predicted else 1], shown, seen, f"seen ({1 - tile.removed.mean():.0%})")


def _draw_numbers(axes: Sequence[Axes], task: Modality, tile: Reconstruction) -> None:
    """A pixel modality of numbers: RGB if it has these bands, else its first band that has values here."""
    target = tile.targets[task.name]
    prediction = tile.predictions[task.name]
    if task.name != OPTICAL:  # nobody trained what is predicted where the encoder could see
        prediction = np.where(tile.removed, prediction, np.nan)
    shown = _view(task.bands, target)
    said = ", the input" if task.name == OPTICAL else ""
    _show(axes[0], shown, target[shown.channels], f"{task.name} {shown.title}{said}")
    image = _show(axes[1], shown, prediction[shown.channels], "predicted")
    if len(shown.channels) == 1:
        _add_scale(axes, image, "standard deviations")


def _draw_classes(axes: Sequence[Axes], task: Modality, tile: Reconstruction) -> None:
    colours = colormaps["tab20"].with_extremes(bad="0.85")
    target = tile.targets[task.name]
    prediction = np.where(tile.removed, tile.predictions[task.name].argmax(0), -1)
    for axis, classes, title in ((axes[0], target, task.name), (axes[1], prediction, "predicted")):
        shown = np.ma.masked_less(classes, 0)
        image = axis.imshow(shown, cmap=colours, vmin=-0.5, vmax=19.5, interpolation="nearest")
        axis.set_title(title, fontsize=6)
    there = np.union1d(target, prediction)
    scale = _add_scale(axes, image, "class as stored")
    scale.set_ticks(there[there >= 0].tolist(), labels=[str(task.codes[one]) for one in there if one >= 0])
    scale.ax.set_ylim(-0.5, task.n_classes - 0.5)


def _draw_bars(axes: Sequence[Axes], task: Modality, tile: Reconstruction) -> None:
    (axis,) = axes
    places = np.arange(len(task.bands))
    axis.axis("on")
    axis.barh(places - 0.2, tile.targets[task.name], 0.4, color=TARGET_COLOUR)
    axis.barh(places + 0.2, tile.predictions[task.name], 0.4, color=PREDICTION_COLOUR)
    _finish_bars(axis, task.name, list(task.bands))


def _draw_probabilities(axes: Sequence[Axes], task: Modality, tile: Reconstruction) -> None:
    (axis,) = axes
    logits = tile.predictions[task.name]
    probability = np.exp(logits - logits.max())
    probability /= probability.sum()
    true = int(tile.targets[task.name])
    shown = list(np.argsort(-probability)[:SHOWN_CLASSES])
    if true >= 0 and true not in shown:
        shown.append(true)
    axis.axis("on")
    colours = [TARGET_COLOUR if one == true else PREDICTION_COLOUR for one in shown]
    axis.barh(np.arange(len(shown)), probability[shown], 0.8, color=colours)
    axis.set_xlim(0, 1)
    title = f"{task.name}: {'unknown' if true < 0 else true}"
    _finish_bars(axis, title, [str(one) for one in shown])


_DRAW: Mapping[Kind, Callable[[Sequence[Axes], Modality, Reconstruction], None]] = {
    Kind.PIXEL_REGRESSION: _draw_numbers,
    Kind.PIXEL_CLASS: _draw_classes,
    Kind.IMAGE_REGRESSION: _draw_bars,
    Kind.IMAGE_CLASS: _draw_probabilities,
}


@dataclass(frozen=True, eq=False)
class _View:
    """Which bands are shown, and how bright."""

    channels: list[int]
    """Three, or one."""
    title: str
    low: np.ndarray
    """Of each channel, what is darkest; `high` is brightest. (C, 1, 1)."""
    high: np.ndarray


def _view(bands: Sequence[str], reference: np.ndarray) -> _View:
    """RGB or the first band with values, (C, H, W), stretched alike for equal references."""
    if set(RGB) <= set(bands):
        channels = [list(bands).index(band) for band in RGB]
        title = "RGB"
    else:
        with_values = [i for i in range(len(bands)) if np.isfinite(reference[i]).any()]
        channels = with_values[:1] or [0]
        title = bands[channels[0]]
    low, high = np.array([_limits(reference[i]) for i in channels]).T[..., None, None]
    return _View(channels, title, low, high)


def _limits(reference: np.ndarray) -> tuple[float, float]:
    """Around the middle 96 % of the values."""
    valid = reference[np.isfinite(reference)]
    low, high = np.percentile(valid, (2, 98)) if len(valid) else (0.0, 0.0)
    return (low, high) if high - low >= 1e-6 else (low - 0.5, high + 0.5)  # constant: a standard deviation around it


def _show(axis: Axes, view: _View, values: np.ndarray, title: str) -> AxesImage:
    """Values (C, H, W) of the channels that are shown; NaN is grey."""
    axis.set_title(title, fontsize=6)
    if len(values) == 3:
        picture = np.clip((values - view.low) / (view.high - view.low), 0, 1).transpose(1, 2, 0)
        return axis.imshow(np.nan_to_num(picture, nan=0.85), interpolation="nearest")
    colours = colormaps["viridis"].with_extremes(bad="0.85")
    low, high = view.low.item(), view.high.item()
    return axis.imshow(values[0], cmap=colours, vmin=low, vmax=high, interpolation="nearest")


def _add_scale(axes: Sequence[Axes], image: AxesImage, label: str) -> Colorbar:
    """What the colours of a target and its prediction mean, beside both."""
    scale = axes[0].figure.colorbar(image, ax=list(axes), fraction=0.05, pad=0.02)
    scale.set_label(label, fontsize=4)
    scale.ax.tick_params(labelsize=4, length=1.5)
    return scale


def _finish_bars(axis: Axes, title: str, labels: Sequence[str]) -> None:
    axis.set_yticks([])
    for place, label in enumerate(labels):  # inside the frame, so that long names do not push the pictures apart
        axis.text(0.02, place, label, fontsize=4, va="center", transform=axis.get_yaxis_transform())
    axis.invert_yaxis()
    axis.tick_params(axis="x", labelsize=4)
    axis.set_title(title, fontsize=6)
