"""How verbs print rows."""

from typing import TYPE_CHECKING

from harness.cli.terminal import Format, out, write

if TYPE_CHECKING:
    from leaderboards.query import Table


def show_rows(table: "Table", form: Format) -> None:
    """Print rows: a table for people, or CSV or JSON on plain stdout for programs."""
    from harness.show.tables import rows_table
    from leaderboards.query import to_csv, to_json

    if form is Format.table:
        out.print(rows_table(table.columns, table.rows))
    else:
        write(to_csv(table) if form is Format.csv else to_json(table) + "\n")
