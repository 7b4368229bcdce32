"""A plan in the terminal: its summary, its lines, and why lines did not run."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from rich.console import Group

from baselines.registry import stored_name
from harness.campaign.estimate import Estimate
from harness.campaign.plan import Line, State
from harness.data.suites import tell_apart
from harness.records.band_sets import ALL
from harness.records.cell import Cell
from harness.records.job import DatasetRef
from harness.show.quantities import describe_duration, describe_size
from harness.show.tables import FittedTable, captioned
from harness.show.visible_text import plain

STATE_STYLE = {
    State.NEW: "green",
    State.DONE: "dim",
    State.SAME: "dim",
    State.UNKNOWN: "yellow",
    State.SKIPPED: "yellow",
    State.WAITING: "red",
    State.FAILED: "red",
}


_MADE_OF = (
    "time: medians of earlier runs of the same protocol and backbone with about as many train samples, in one process; "
    "the first run on a dataset also embeds its images. cache: features that are not in it yet"
)


MOST_LISTED = 4
"""Names in one line."""


@dataclass
class _Sum:
    """What the lines of one backbone, dataset or protocol come to."""

    states: Counter[State] = field(default_factory=Counter)
    seconds: float = 0.0
    n_untimed: int = 0
    n_bytes: int = 0
    n_unsized: int = 0

    def add(self, state: State, estimate: Estimate) -> None:
        self.states[state] += 1
        self.seconds += estimate.seconds or 0.0
        self.n_untimed += estimate.seconds is None
        self.n_bytes += estimate.n_bytes or 0
        self.n_unsized += estimate.n_bytes is None

    @property
    def time(self) -> str:
        """The time of runs that earlier ones tell of, and how many more there are."""
        if not self.n_untimed:
            return describe_duration(self.seconds) if self.states[State.NEW] else ""
        return f"{describe_duration(self.seconds)} + {self.n_untimed} unknown" if self.seconds else "unknown"

    @property
    def disk(self) -> str:
        """What can be told, and whether there is more."""
        if not self.n_unsized:
            return describe_size(self.n_bytes) if self.states[State.NEW] else ""
        return f"{describe_size(self.n_bytes)} + unknown" if self.n_bytes else "unknown"


def summary_table(lines: Sequence[Line], estimates: Sequence[Estimate]) -> Group:
    """The plan by backbone, dataset and protocol: lines in each state, what they will take, and the same of all."""
    names, called = tell_apart(line.cell.dataset for line in lines), _called(line.cell for line in lines)
    views: dict[str, Callable[[Cell], str]] = {
        "backbone": lambda cell: called[cell.backbone],
        "dataset": lambda cell: names[cell.dataset],
        "protocol": lambda cell: cell.protocol,
    }
    states = [state for state in State if any(line.state is state for line in lines)]
    table = FittedTable()
    table.add_column("")
    table.add_column("")
    for column in (*states, "time", "cache"):
        table.add_column(column, justify="right")
    for view, name_of in views.items():
        sums: dict[str, _Sum] = {}
        for line, estimate in zip(lines, estimates, strict=True):
            sums.setdefault(name_of(line.cell), _Sum()).add(line.state, estimate)
        for name, total in sums.items():
            # Protocols share features, so that none of them alone is what they are stored for.
            disk = "" if view == "protocol" else total.disk
            table.add_row(
                view, plain(name), *_counts(total, states), total.time, disk, end_section=name == list(sums)[-1]
            )
    whole = _Sum()
    for line, estimate in zip(lines, estimates, strict=True):
        whole.add(line.state, estimate)
    table.add_row("all", "", *_counts(whole, states), whole.time, whole.disk)
    return captioned(table, _MADE_OF)


def _counts(total: _Sum, states: Sequence[State]) -> list[str]:
    return [f"[{STATE_STYLE[state]}]{total.states[state]:,}[/]" if total.states[state] else "" for state in states]


def plan_table(lines: Sequence[Line]) -> Group:
    """One row per run and its state; `reasons` tells of those that were skipped."""
    counts = Counter(line.state for line in lines)
    names, called = tell_apart(line.cell.dataset for line in lines), _called(line.cell for line in lines)
    table = FittedTable()
    several = any(line.cell.bands != ALL for line in lines)
    for column in ("dataset", "backbone", "protocol", "partition", "seed", *(["bands"] if several else []), "state"):
        table.add_column(column)
    for line in lines:
        if line.state is not State.SKIPPED:
            cell = line.cell
            described = [names[cell.dataset], called[cell.backbone], cell.protocol, cell.partition, str(cell.seed)]
            described += [str(cell.bands)] if several else []
            table.add_row(*map(plain, described), f"[{STATE_STYLE[line.state]}]{line.state}[/]")
    return captioned(table, ", ".join(f"{counts[state]} {state}" for state in State if counts[state]))


def reasons(lines: Sequence[Line], state: State) -> list[str]:
    """Why lines of a state did not run, or what is odd about them: each reason once, with what it is about.

    Reasons that keep a backbone from running at all come first.
    """
    names = tell_apart(line.cell.dataset for line in lines)
    ran = {line.cell.backbone for line in lines if line.state in (State.NEW, State.DONE, State.SAME, State.WAITING)}
    cells: dict[str, list[Cell]] = {}
    for line in lines:
        if line.state is state and line.reason:
            cells.setdefault(line.reason, []).append(line.cell)
    label = "note" if state is State.NEW else state
    told = sorted(cells.items(), key=lambda item: item[1][0].backbone in ran)
    return [f"{label}: {_about(about, names)}{_which(about, state)}: {reason}" for reason, about in told]


def _about(cells: Sequence[Cell], names: Mapping[DatasetRef, str]) -> str:
    """Their datasets, unless these are all of several, and backbones."""
    datasets = list(dict.fromkeys(names[cell.dataset] for cell in cells))
    backbones = list(_called(cells).values())
    shown = [] if 1 < len(datasets) == len(names) else datasets
    return ", ".join([*_listed(shown, "datasets"), *_listed(backbones, "backbones")])


def _called(cells: Iterable[Cell]) -> dict[str, str]:
    """Their backbones, and what rows call each."""
    return {name: stored_name(name) for name in dict.fromkeys(cell.backbone for cell in cells)}


def _listed(names: Sequence[str], what: str) -> Sequence[str]:
    """Names, or how many there are of many."""
    return names if len(names) <= MOST_LISTED else [f"{len(names)} {what}"]


def _which(cells: Sequence[Cell], state: State) -> str:
    """The runs of one backbone that share a reason; empty where the reason says it better."""
    if len(cells) > 1:
        protocols = ", ".join(dict.fromkeys(cell.protocol for cell in cells))
        return f" ({len(cells)} runs of {protocols})"
    return f", {cells[0].partition}, {cells[0].protocol}" if state in (State.FAILED, State.WAITING) else ""
