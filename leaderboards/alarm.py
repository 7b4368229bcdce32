"""The alarm: points of a pretrained network that say less than the statistics of the pixels it was given.

Nine times in ten such a network was fed wrong: in another unit, by other statistics, its bands in another order.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from leaderboards.query import run_query
from leaderboards.simulated import SIMULATED
from leaderboards.statistics.difference import difference
from leaderboards.statistics.estimates import Estimate
from leaderboards.statistics.influences import SharedTestSet, read_influences
from leaderboards.statistics.predictions import read_test_sets
from leaderboards.statistics.reading import Point, read_points
from leaderboards.statistics.student import with_interval

FLOOR = "image_statistics"
_ON_IMAGES = "nine times in ten it was fed wrong (docs/statistics.md, Below the floor)"
_SIMULATED = "simulated images say little; or it was fed wrong (docs/statistics.md, Below the floor)"


def advice(suite: str) -> str:
    """What to think of it: images have more to learn from than their statistics, those of a simulation perhaps not."""
    return _SIMULATED if suite in SIMULATED else _ON_IMAGES


_Place = tuple[str, str, str]
"""curve_id, partition and samples of a point."""


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """A row of the view `below_floor`, with the surest interval of its difference that is to be had."""

    suite: str
    dataset: str
    protocol: str
    partition: str
    backbone: str
    weights: str | None
    metric: str
    higher_is_better: bool
    value: float
    floor_value: float
    difference: Estimate
    """By how much it is better, so below 0; paired over test samples where predictions of both are stored."""
    input_mean: Sequence[float] | None
    """Measured, a number a band; None: not stored."""
    input_std: Sequence[float] | None
    input_size_px: Sequence[int] | None
    """[height, width]."""
    normalisation: str | None
    input_unit: str | None
    n_bands: int | None
    n_floor_bands: int | None
    kind_inferred: bool
    """Stored before rows said what kind their backbone is."""
    source: str
    curve_id: str
    floor_curve_id: str
    samples: str | None
    run_ids: Sequence[str]

    @property
    def clearly(self) -> bool | None:
        """Whether its interval lies below 0; None: it has none."""
        return None if self.difference.ci_high is None else self.difference.ci_high < 0

    @property
    def mark(self) -> str:
        """What stands behind the score in tables: two signs for clearly below, one for below within noise."""
        return "!!" if self.clearly else "!"

    def describe(self) -> str:
        """One line: what is below what, by how much, what entered the network, what to look at."""
        low, high = self.difference.ci_low, self.difference.ci_high
        interval = "" if low is None or high is None else f" [{-high:.3g}, {-low:.3g}]"
        sure = {True: "below", False: "below within noise", None: "below by an unknown margin"}[self.clearly]
        inferred = "; taken for pretrained, as its row does not say" if self.kind_inferred else ""
        return (
            f"{self.mark} {self.backbone} on {self.dataset} ({self.protocol}, {self.partition}): {self.metric} "
            f"{self.value:.4g}, {sure} {FLOOR if self.source == 'measured' else 'imagestats'} {self.floor_value:.4g} "
            f"by {abs(self.difference.value or 0):.3g}{interval}: {advice(self.suite)}; {self._entered()}{inferred}"
        )

    def _entered(self) -> str:
        if not self.input_mean or not self.input_std or not self.input_size_px or len(self.input_size_px) != 2:
            return "what entered is not told"
        if None in (*self.input_mean, *self.input_std, *self.input_size_px):
            return "what entered is not told in numbers"
        of_bands = f" of {self.n_floor_bands} bands" if (self.n_bands or 0) < (self.n_floor_bands or 0) else " bands"
        unit = f", in declared unit {self.input_unit}" if self.input_unit else ""
        height, width = self.input_size_px
        return (
            f"what entered: mean {_range(self.input_mean)}, std {_range(self.input_std)}, "
            f"{len(self.input_mean)}{of_bands}, {height} x {width} px, normalisation {self.normalisation}{unit}"
        )


def read_alarms(path: Path, backbones: Sequence[str] | None = None) -> list[Alarm]:
    """Every point below its floor, the largest shortfall first.

    Args:
        backbones: only theirs; None: all.
    Raises:
        UserError: no leaderboard there, or locked.
    """
    table = run_query(path, "FROM below_floor ORDER BY suite, difference, dataset, backbone, partition, curve_id")
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    alarms = [_alarm(row) for row in rows if backbones is None or row["backbone"] in backbones]
    return _paired(path, alarms) if any(alarm.source == "measured" for alarm in alarms) else alarms


def _alarm(row: Mapping[str, object]) -> Alarm:
    own = {name: row[name] for name in Alarm.__dataclass_fields__ if name != "difference"}
    return Alarm(**own, difference=Estimate(row["difference"], row["ci_low"], row["ci_high"]))  # type: ignore[arg-type]


def _paired(path: Path, alarms: Sequence[Alarm]) -> list[Alarm]:
    """The alarms, each difference over the seeds and test samples that both share where that is known better.

    Predictions are read for all alarms at once: opening the file for each takes minutes where there are hundreds.
    """
    measured = [alarm for alarm in alarms if alarm.source == "measured"]
    points = {
        (key.curve_id, point.partition, point.samples): (key.train_draw == "seed", point)
        for key, of_curve in read_points(path, {FLOOR, *(alarm.backbone for alarm in measured)}).items()
        for point in of_curve
    }
    concerned: defaultdict[str, dict[_Place, Point]] = defaultdict(dict)
    for alarm in measured:
        concerned[alarm.metric] |= {place: points[place][1] for place in _places(alarm)}
    by_metric = {metric: list(of_metric.values()) for metric, of_metric in concerned.items()}
    of_points = [run_id for metric in by_metric for point in by_metric[metric] for run_id in point.run_ids.values()]
    sets = read_test_sets(path, of_points)
    samples = SharedTestSet({}, read_influences(path, by_metric, sets)[0])
    return [_surer(alarm, points, samples, sets) if alarm.source == "measured" else alarm for alarm in alarms]


def _places(alarm: Alarm) -> tuple[_Place, _Place]:
    """Where an alarm's point is, and where its floor is."""
    samples = alarm.samples or ""
    return (alarm.curve_id, alarm.partition, samples), (alarm.floor_curve_id, alarm.partition, samples)


def _surer(
    alarm: Alarm, points: Mapping[_Place, tuple[bool, Point]], samples: SharedTestSet, sets: Mapping[str, str]
) -> Alarm:
    (draws_shared, point), (_, floor) = (points[place] for place in _places(alarm))
    run_ids = {*point.run_ids.values(), *floor.run_ids.values()}
    if not run_ids <= samples.moved.keys() or len({sets[run_id] for run_id in run_ids}) > 1:
        return alarm  # no predictions, or some that contradict its row or are of other samples: `compare` says so
    found = difference(point, floor, samples, draws_shared=draws_shared)
    sign = 1.0 if alarm.higher_is_better else -1.0
    return replace(alarm, difference=with_interval(sign * found.value, found.parts)) if found.parts else alarm


def _range(values: Sequence[float]) -> str:
    low, high = min(values), max(values)
    return f"{low:.3g}" if low == high else f"{low:.3g} to {high:.3g}"
