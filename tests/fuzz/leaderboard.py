"""Leaderboards to query and to import."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "leaderboards"))

from leaderboard_records import make_record

from leaderboards.store import open_leaderboard
from leaderboards.transfer import ExportFormat, export


def write_leaderboard(path: Path, names: list[str]) -> Path:
    """A leaderboard with a run for each name."""
    board = open_leaderboard(path)
    for seed, name in enumerate(names):
        board.commit(make_record(name, seed=seed))
    return path


def write_sources(folder: Path, names: list[str]) -> dict[str, Path]:
    """The same runs in every form that can be imported, by form; of Parquet's tables the one of the runs."""
    board = open_leaderboard(folder / "theirs.duckdb")
    for seed, name in enumerate(names):
        board.commit(make_record(name, seed=seed))
    names_by_form = {ExportFormat.PARQUET: "parquet", ExportFormat.CSV: "theirs.csv", ExportFormat.JSON: "theirs.json"}
    targets = {form: folder / name for form, name in names_by_form.items()}
    for form, target in targets.items():
        export(board, target, form)
    paths = {str(form): target for form, target in targets.items() if form is not ExportFormat.PARQUET}
    return paths | {"duckdb": board.path, "parquet": targets[ExportFormat.PARQUET] / "runs.parquet"}
