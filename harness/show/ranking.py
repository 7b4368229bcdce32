"""How rankings are shown: a table for each, with who cannot be told apart."""

from collections.abc import Mapping, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from harness.errors import UserError
from harness.show.tables import FittedTable, prose
from harness.show.visible_text import plain
from leaderboards.statistics.ranking import GridKey, Standing

CAPTION = (
    "place: with 95 % confidence; tied: who shares a letter cannot be told apart by mean score (Holm over all pairs). "
    "wins, losses: datasets times others where the 95 % interval of the difference leaves out 0; all else is a tie."
)

MIXED = (
    "Not all were run by the same rules: the version of the run's identity or the names of bands (stored, corrected) "
    "differ on some dataset. The view scores and the command show say which."
)


def ranking_tables(rankings: Mapping[GridKey, Sequence[Standing]]) -> Group:
    """One table per ranking, headed by what its backbones have in common."""
    parts: list[RenderableType] = []
    for grid, standings in rankings.items():
        table = FittedTable()
        for heading in ("place", "backbone", "tied", "mean rank", "wins", "ties", "losses"):
            table.add_column(heading, justify="left" if heading in ("backbone", "tied") else "right")
        backbones = [row.entry.backbone for row in standings]
        for row in standings:
            table.add_row(
                _places(row),
                plain(_name(row, several_weights=backbones.count(row.entry.backbone) > 1)),
                row.ties or "unknown",
                f"{row.mean_rank:.2f}",
                *map(str, (row.wins, row.undecided, row.losses)),
            )
        shared = ", ".join(f"{name} {value}" for name, value in grid._asdict().items() if value)
        parts += [prose(f"{shared}, {standings[0].n_datasets} datasets", style="bold"), table]
        if standings[0].mixed:
            parts.append(prose(MIXED))
        if doubtful := standings[0].contradicted:
            parts.append(prose(_doubt(doubtful)))
        parts.append(Text())
    return Group(*parts, prose(CAPTION, style="dim"))


def choose(rankings: Mapping[GridKey, Sequence[Standing]], partition: str | None) -> dict[GridKey, Sequence[Standing]]:
    """The rankings on one partition; without a name that of each kind with most scores, of equals with most labels.

    Raises:
        UserError: nothing is ranked there.
    """
    chosen = {grid: rows for grid, rows in rankings.items() if partition in (None, grid.partition)}
    if partition is None:
        best: dict[tuple[object, ...], GridKey] = {}
        for grid, rows in rankings.items():
            kind = tuple(value for name, value in grid._asdict().items() if name != "partition")
            rival = best.get(kind)
            if rival is None or _weight(grid, rows) > _weight(rival, rankings[rival]):
                best[kind] = grid
        chosen = {grid: rankings[grid] for grid in best.values()}
    if not rankings:
        raise UserError(
            "nothing is ranked: no backbone has a score on every dataset of a grid. The view coverage lists the "
            'missing ones: python -m harness sql "FROM coverage WHERE missing"'
        )
    if not chosen:
        there = ", ".join(sorted({grid.partition for grid in rankings})) or "none"
        raise UserError(f"nothing is ranked on partition {partition}. There are rankings on: {there}.")
    return chosen


def _doubt(run_ids: Sequence[str]) -> str:
    more = f" and {len(run_ids) - 1} more" if len(run_ids) > 1 else ""
    return (
        f"Stored predictions do not give the score of run {run_ids[0][:12]}{more}: one of the two was changed. On its "
        "dataset the noise of test samples counts as not known. Run it again in a new leaderboard."
    )


def _weight(grid: GridKey, rows: Sequence[Standing]) -> tuple[int, int, str]:
    return len(rows) * rows[0].n_datasets, rows[0].n_labels, grid.partition


def _name(row: Standing, *, several_weights: bool) -> str:
    return f"{row.entry.backbone}@{row.entry.weights}" if several_weights else row.entry.backbone


def _places(row: Standing) -> str:
    if row.ties is None:
        return "?"
    return str(row.place_low) if row.place_low == row.place_high else f"{row.place_low}-{row.place_high}"
