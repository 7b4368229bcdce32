"""`open`: a leaderboard as tables and pictures of a notebook. Nothing here waits for torch."""

import html
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING
from warnings import warn

import pandas as pd

from harness.api.words import kind_errors
from harness.show.comparison import comparison_rows
from harness.show.plots.curves import read_panels
from leaderboards.query import Table, run_query
from leaderboards.statistics.comparison import adjust_together
from leaderboards.statistics.comparison import compare as compare_sides

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from harness.api.backbone import Backbone

_SCORES = """
    SELECT suite, dataset, backbone, weights, protocol, partition, n_labels_fit + n_labels_select AS n_labels, seed,
        metric, value, ci_low, ci_high, run_id
    FROM leaderboard WHERE {chosen}
    ORDER BY suite, dataset, protocol, n_labels, partition, backbone, seed
"""
_MEANS = """
    SELECT suite, dataset, backbone, weights, protocol, partition, n_labels, n_seeds, metric, value, ci_low,
        ci_high, setup
    FROM label_efficiency
    WHERE (curve_id, partition, samples) IN (SELECT (curve_id, partition, samples) FROM scores WHERE {chosen})
    ORDER BY suite, dataset, protocol, n_labels, partition, backbone
"""


class Board:
    """A leaderboard file. Every question reads it anew, so that what was run meanwhile is there."""

    def __init__(self, db: Path) -> None:
        self.db = db

    def sql(self, query: str) -> Table:
        """What one SELECT gives of the whole file; `.df()` makes it a DataFrame. Nothing can be written."""
        with kind_errors():
            return run_query(self.db, query)

    def scores(self) -> pd.DataFrame:
        """A row for each run: its headline metric on test with a 95 % interval, and all labels it used."""
        return self.sql(_SCORES.format(chosen=self._chosen)).df()

    def means(self) -> pd.DataFrame:
        """A row for each point of a curve: the mean over its seeds with a 95 % interval over seeds and test samples."""
        return self.sql(_MEANS.format(chosen=self._chosen)).df()

    def compare(self, a: "str | Backbone", *others: "str | Backbone", labels: int | None = None) -> pd.DataFrame:
        """How much better one backbone is than others, a row for each dataset and protocol, with paired 95 % intervals.

        Args:
            a: a backbone, or as `python -m harness compare` takes it: `name:protocol` for one of its protocols.
            labels: at most so many. None: the most that both have.
        Returns:
            The columns of `harness compare --format csv`: `difference` is A's lead, `sure` whether the two are told
            apart, `label_saving` the share of B's labels that A does without.
        """
        with kind_errors():
            names = [side if isinstance(side, str) else side.name for side in (a, *others)]
            there = set(self.scores()[["suite", "dataset"]].itertuples(index=False, name=None))
            told = compare_sides(self.db, *names, most_labels=labels, tell=lambda line: warn(line, stacklevel=2))
            found = [row for row in told if (row.suite, row.dataset) in there]
            return comparison_rows(adjust_together(found)).df()

    def plot(self, dataset: str | None = None, protocol: str | None = None, ax: "Axes | None" = None) -> "Axes":
        """Draw score against number of labels, a line for each backbone, with 95 % intervals.

        Args:
            dataset: None: the first there is; `protocol` likewise.
            ax: where to; None: a new figure.
        """
        from matplotlib import pyplot as plt  # noqa: PLC0415 - tables need not wait for it

        from harness.show.plots.figure import draw_panel  # noqa: PLC0415

        with kind_errors():
            panel = read_panels(
                self.db,
                datasets=[dataset] if dataset else [],
                protocols=[protocol] if protocol else [],
                backbones=[] if self.run_ids is None else self.scores()["backbone"].unique().tolist(),
                run_ids=self.run_ids,
            )[0]
            axis = plt.subplots(layout="constrained")[1] if ax is None else ax
            lines = draw_panel(axis, panel)
            axis.legend(list(lines.values()), list(lines), fontsize=8, frameon=False)
            return axis

    @property
    def run_ids(self) -> Collection[str] | None:
        """The runs it is about; None: all."""
        return None

    @property
    def _chosen(self) -> str:
        """A condition of SQL that chooses them."""
        if self.run_ids is None:
            return "true"
        listed = ", ".join(f"'{run_id}'" for run_id in self.run_ids)
        return f"run_id IN ({listed or 'NULL'})"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.db)!r})"

    def _repr_html_(self) -> str:
        means = self.means()
        means["score"] = [
            f"{value:.3f}" + ("" if pd.isna(low) else f" [{low:.3f}, {high:.3f}]")
            for value, low, high in means[["value", "ci_low", "ci_high"]].itertuples(index=False)
        ]
        rows = means.pivot_table(
            index=["dataset", "protocol", "metric", "n_labels"], columns="backbone", values="score", aggfunc=" / ".join
        )
        note = f"Means over seeds with 95 % intervals; {html.escape(str(self.db))}"
        return f"{rows.to_html(na_rep='', max_rows=60)}<p>{note}</p>"


def open(path: str | Path = "leaderboards/leaderboard.duckdb") -> Board:
    """Open a leaderboard to read it.

    Raises:
        UserError: there is none.
    """
    board = Board(Path(path).expanduser())
    board.sql("SELECT 1")
    return board
