"""Who looks like what: a backbone has one colour and one marker in every picture of a leaderboard."""

from pathlib import Path

from leaderboards.statistics.reading import fetch

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#14202b", "#8c7a00")
"""Okabe and Ito's, which colour-blind readers can tell apart, the strongest first. Markers repeat what they say.
The report's style sheet has the same."""

LOOKS = "SELECT backbone, weights FROM runs GROUP BY ALL ORDER BY min(finished_at) NULLS LAST, backbone, weights"
"""One row per backbone and weights; its number is its look. Those that come later leave the others theirs."""


def read_looks(path: Path) -> dict[tuple[str, str | None], int]:
    """The look of each backbone with its weights (None: drawn from the seed, or published).

    Raises:
        UserError: as `reading.read_points`.
    """
    return {(backbone, weights): look for look, (backbone, weights) in enumerate(fetch(path, LOOKS, {}))}
