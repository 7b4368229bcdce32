"""The views of a leaderboard, one `.sql` file each, which says in its head what a row is."""

from importlib import resources

import duckdb

VIEWS = (
    "leaderboard",
    "scores",
    "label_efficiency",
    "curve_pairs",
    "label_savings",
    "ranking",
    "parameter_efficiency",
    "same_models",
    "below_floor",
    "published_gap",
    "published",
    "disagreement",
    "coverage",
    "band_shifts",
    "band_sensitivity",
    "retrieval",
    "missing_modalities",
    "area_transfer",
    "geographic_gap",
)
"""In creation order: a view may use those before it."""


def create_views(connection: duckdb.DuckDBPyConnection) -> None:
    """Create every view, or replace it, so that a file always has the views of the package that last opened it."""
    for name in VIEWS:
        connection.execute(resources.files(__package__).joinpath(f"{name}.sql").read_text(encoding="utf-8"))
