"""Which of a dataset's bands a run may read, to train on and at test: sensors may be others, or a channel is lost."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class BandSets:
    """What was asked for, in the words of the command line: names of bands, or `S1` and `S2` for all of a sensor."""

    train: tuple[str, ...] = ()
    """The dataset is as if it had these alone while a predictor is fitted and chosen; empty: all it has."""
    test: tuple[str, ...] = ()
    """Those it has at test; empty: the same."""
    dropped: str | None = None
    """The band that is lost at test; beside `test` there is none."""

    @property
    def differ(self) -> bool:
        """Whether test has other bands than train."""
        return bool(self.test) or self.dropped is not None

    def __str__(self) -> str:
        if self.dropped is not None:
            return f"{_listed(self.train)} without {self.dropped}"
        return f"{_listed(self.train)} -> {_listed(self.test)}" if self.test else _listed(self.train)


EACH = "each"
"""In place of a dropped band: every one of the dataset that feeds the backbone, one after the other."""
ALL = BandSets()
"""All bands, in training and at test."""


def _listed(names: tuple[str, ...]) -> str:
    return " ".join(names) or "all bands"
