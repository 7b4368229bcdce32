"""From rows to points: a seed counts once."""

from pathlib import Path

import duckdb
import pytest
from scored_runs import board_with

from leaderboards.errors import UserError
from leaderboards.statistics.reading import read_points


def test_a_seed_that_was_run_twice_is_refused_and_both_runs_are_named(tmp_path: Path) -> None:
    """The last of equals was kept. The schema makes it impossible now; a file may come from elsewhere."""
    path = board_with(tmp_path / "b.duckdb", {("a", "d", "default"): [0.5, 0.6]}).path
    with duckdb.connect(path) as connection:
        (first, second) = connection.execute("SELECT run_id FROM runs ORDER BY seed").fetchall()
        connection.execute("CREATE TABLE copied AS SELECT * REPLACE (0 AS seed) FROM scores")
        connection.execute("CREATE OR REPLACE VIEW scores AS FROM copied")
    with pytest.raises(UserError, match=r"a@\w+, d, knn, default: seed 0 was run twice") as caught:
        read_points(path)
    assert first[0] in str(caught.value)
    assert second[0] in str(caught.value)
