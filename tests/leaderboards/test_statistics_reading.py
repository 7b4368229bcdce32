"""From rows to points: a seed counts once."""

from pathlib import Path

import pytest

from leaderboards.errors import UserError
from leaderboards.statistics import reading


def test_a_seed_that_was_run_twice_is_refused_and_both_runs_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last of equals was kept. The schema makes it impossible now; what reads does not rely on that."""
    curve = ("demo", "d", "a", "0123abcd", "knn", "cv", "seed", "partition", "setup", "accuracy", "curve")
    row = (*curve, "default", "samples", 100, 1000, [0, 1, 1], [0.5, 0.6, 0.7], ["first", "second", "third"])
    monkeypatch.setattr(reading, "fetch", lambda *_: [row])
    with pytest.raises(UserError, match="a, d, knn, default: seed 1 was run twice, as second and third"):
        reading.read_points(Path("b.duckdb"))
