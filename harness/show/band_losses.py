"""What other bands at test cost, as a leaderboard has it: means over seeds with paired intervals, and their tables."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Group

from baselines.bands import SENTINEL2_UM
from harness.show.tables import FittedTable, captioned
from harness.show.visible_text import plain
from leaderboards.looks import read_looks
from leaderboards.simulated import mark
from leaderboards.statistics.difference import difference, estimate
from leaderboards.statistics.estimates import Estimate
from leaderboards.statistics.influences import read_test_samples
from leaderboards.statistics.reading import Point, fetch
from leaderboards.statistics.student import with_interval

MOST_NAMED = 4
"""Bands that are called one by one."""
ZEROS = "zeros"
"""What the view calls the filling of a band by nothing."""


@dataclass(frozen=True)
class Grid:
    """What losses have in common that are shown together."""

    suite: str
    dataset: str
    protocol: str
    partition: str
    selection: str
    train_draw: str
    metric: str
    higher_is_better: bool

    @property
    def title(self) -> str:
        """How people are told what is compared."""
        return f"{self.dataset}, {self.protocol}, {self.partition}{mark(self.suite)}"


@dataclass(frozen=True, kw_only=True)
class Loss:
    """One backbone with other bands at test, the mean over seeds."""

    grid: Grid
    backbone: str
    """With its weights where the grid has several of them."""
    look: int
    """Of the backbone with its weights (`leaderboards.looks`)."""
    train_bands: tuple[str, ...]
    test_bands: tuple[str, ...]
    dropped: str | None
    filled_by: str | None
    value: float
    same: Estimate
    """The score with the bands of training."""
    loss: Estimate
    """By how much `value` is worse; its interval is paired over test images and, where seeds draw, over seeds."""


_POINTS = """
    SELECT
        suite, dataset, protocol, partition, coalesce(selection, ''), coalesce(train_draw, ''), metric,
        higher_is_better, backbone, coalesce(weights, ''), train_bands, test_bands, dropped, filled_by, samples,
        any_value(n_labels), curve_id, list(seed ORDER BY seed), list(value ORDER BY seed), list(run_id ORDER BY seed),
        list(same_bands_value ORDER BY seed), list(same_bands_run_id ORDER BY seed)
    FROM band_shifts
    WHERE loss IS NOT NULL
        AND (len($datasets) = 0 OR list_contains($datasets, dataset))
        AND (len($backbones) = 0 OR list_contains($backbones, backbone))
        AND (len($protocols) = 0 OR list_contains($protocols, protocol))
        AND ($runs IS NULL OR list_contains($runs, run_id))
    GROUP BY ALL
    ORDER BY ALL
"""


def read_losses(
    db: Path,
    *,
    datasets: Collection[str] = (),
    backbones: Collection[str] = (),
    protocols: Collection[str] = (),
    run_ids: Collection[str] | None = None,
) -> list[Loss]:
    """Every loss of the leaderboard, or those of the datasets, backbones, protocols or runs named.

    Raises:
        UserError: no leaderboard there.
    """
    wanted = {"datasets": list(datasets), "backbones": list(backbones), "protocols": list(protocols)}
    rows = fetch(db, _POINTS, {**wanted, "runs": None if run_ids is None else list(run_ids)})
    weights: dict[tuple[object, ...], set[str]] = {}
    for row in rows:
        weights.setdefault((*row[:8], row[8]), set()).add(row[9])
    looks = read_looks(db)
    return [
        _loss(db, row, looks[row[8], row[9] or None], several_weights=len(weights[*row[:8], row[8]]) > 1)
        for row in rows
    ]


def _loss(db: Path, row: tuple, look: int, *, several_weights: bool) -> Loss:
    (
        *key,
        backbone,
        weights,
        train,
        test,
        dropped,
        filled_by,
        samples,
        n_labels,
        _,
        seeds,
        values,
        ids,
        same,
        same_ids,
    ) = row
    grid = Grid(*key)
    shifted, unshifted = (
        Point(
            grid.partition,
            samples,
            n_labels,
            0,
            dict(zip(seeds, scores, strict=True)),
            dict(zip(seeds, runs, strict=True)),
        )
        for scores, runs in ((values, ids), (same, same_ids))
    )
    tested = read_test_samples(db, grid.metric, [shifted, unshifted])
    found = difference(unshifted, shifted, tested, draws_shared=grid.train_draw == "seed")
    return Loss(
        grid=grid,
        backbone=f"{backbone} {weights}" if several_weights else backbone,
        look=look,
        train_bands=tuple(train),
        test_bands=tuple(test),
        dropped=dropped,
        filled_by=filled_by,
        value=sum(values) / len(values),
        same=estimate(unshifted, seeds, tested),
        loss=with_interval(found.value if grid.higher_is_better else -found.value, found.parts),
    )


def loss_tables(losses: Sequence[Loss]) -> Iterator[Group]:
    """Two tables for each grid: lost bands by backbone, and other bands in their place."""
    for grid in dict.fromkeys(loss.grid for loss in losses):
        of_grid = [loss for loss in losses if loss.grid == grid]
        dropped = [loss for loss in of_grid if loss.dropped is not None]
        if dropped:
            yield _dropped_table(grid, dropped)
        other = [loss for loss in of_grid if loss.dropped is None]
        if other:
            yield _other_table(grid, other)


def _dropped_table(grid: Grid, losses: Sequence[Loss]) -> Group:
    table = FittedTable()
    backbones = list(dict.fromkeys((loss.backbone, loss.filled_by == ZEROS) for loss in losses))
    table.add_column("lost at test")
    for name, zeros in backbones:
        filled = "" if zeros or (name, True) not in backbones else " (nearest)"
        table.add_column(plain(name + filled), justify="right")
    cells = {(loss.dropped, loss.backbone, loss.filled_by == ZEROS): loss for loss in losses}
    whole = {(loss.backbone, loss.filled_by == ZEROS): loss.same for loss in losses}
    table.add_row("none", *(_score(whole[backbone]) for backbone in backbones), end_section=True)
    for band in in_band_order(loss.dropped or "" for loss in losses):
        found = (cells.get((band, *backbone)) for backbone in backbones)
        table.add_row(plain(band), *(_signed(loss.loss) if loss else "" for loss in found))
    way = "" if grid.higher_is_better else ", larger errors"
    caption = f"first row: {grid.metric}; others: by how much it is worse{way}, and half of the 95 % interval, paired"
    return captioned(table, f"{grid.title}. {caption}")


def _other_table(grid: Grid, losses: Sequence[Loss]) -> Group:
    table = FittedTable()
    for column in ("backbone", "trained on", "tested on"):
        table.add_column(column)
    for column in (grid.metric, "with the same bands", "loss"):
        table.add_column(column, justify="right")
    for loss in losses:
        sets = (call_bands(loss.train_bands), call_bands(loss.test_bands))
        table.add_row(*map(plain, (loss.backbone, *sets)), f"{loss.value:.3f}", _score(loss.same), _signed(loss.loss))
    return captioned(table, f"{grid.title}. loss: by how much it is worse, and half of the 95 % interval, paired")


def call_bands(names: Sequence[str]) -> str:
    """A set of bands in a few words: many of them by their number."""
    return " ".join(names) if len(names) <= MOST_NAMED else f"{len(names)} bands"


def in_band_order(names: Iterable[str]) -> list[str]:
    """Each once: Sentinel-2's by their wavelength, others behind them."""
    wavelengths = list(SENTINEL2_UM)
    return sorted(
        dict.fromkeys(names), key=lambda name: wavelengths.index(name) if name in wavelengths else len(wavelengths)
    )


def _score(estimate: Estimate) -> str:
    return f"{estimate.value:.3f}{_half(estimate)}"


def _signed(estimate: Estimate) -> str:
    return f"{estimate.value:+.3f}{_half(estimate)}"


def _half(estimate: Estimate) -> str:
    if estimate.ci_low is None or estimate.ci_high is None:
        return ""
    return f" ±{(estimate.ci_high - estimate.ci_low) / 2:.3f}".replace("±0.", "±.")
