"""Whether two results of one run agree: on another device, or with other threads, its last digits are others."""

from dataclasses import dataclass

TOLERANCE = 0.01
"""Most that a metric of one run may differ between two leaderboards: of a fraction, one percentage point.

Beyond 1 it is relative, for metrics that are no fractions. The device is not part of a run's identity; a GPU and a CPU
disagree about the few samples that lie on the border between two classes.
"""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A metric of one run that is not the same in two places."""

    run_id: str
    what: str
    """`test accuracy`: the split and the metric."""
    ours: float | None
    """None: undefined."""
    theirs: float | None

    @property
    def size(self) -> float:
        """What is held against TOLERANCE; infinite if only one of the two is defined."""
        if self.ours is None or self.theirs is None:
            return float("inf")
        return abs(self.ours - self.theirs) / max(1.0, abs(self.ours), abs(self.theirs))

    @property
    def agrees(self) -> bool:
        """Whether it is one result, measured twice."""
        return self.size <= TOLERANCE
