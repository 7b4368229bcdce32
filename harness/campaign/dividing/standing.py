"""How far the campaigns are that write a leaderboard, from the files alone: plans, claims, heartbeats, rows."""

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from harness.campaign.dividing.claims import HEARTBEAT_SECONDS, MISSED, Member, claimed, grid_folder, is_alive, members
from harness.campaign.dividing.plan_file import Plan, read_plans
from leaderboards.store import Leaderboard, LookedUp


@dataclass(frozen=True, kw_only=True)
class Part:
    """How far the runs of one backbone, dataset and protocol are."""

    backbone: str
    dataset: str
    protocol: str
    total: int
    done: int
    failed: int
    by: str | None
    """The member whose group it is now, and who lives; None: nobody's."""

    @property
    def left(self) -> int:
        """Runs that are to be made."""
        return self.total - self.done - self.failed


@dataclass(frozen=True, kw_only=True)
class Heard:
    """A process that carries out a campaign."""

    host: str
    pid: int
    seconds_ago: float
    """When it was heard last."""
    lives: bool
    """As far as can be told from here."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How far one campaign is."""

    began: datetime
    parts: Sequence[Part]
    seconds_left: float | None
    """At the pace since its processes began; None: nothing can be told yet, or nobody works on it."""
    at_work: Sequence[Heard]
    """Processes that live and hold a group of it."""

    @property
    def running(self) -> int:
        """Runs of the groups that somebody has."""
        return sum(part.left for part in self.parts if part.by)

    @property
    def total(self) -> int:
        return sum(part.total for part in self.parts)

    @property
    def done(self) -> int:
        return sum(part.done for part in self.parts)

    @property
    def failed(self) -> int:
        return sum(part.failed for part in self.parts)


def read_standings(db: Path) -> list[Standing]:
    """The campaigns that were begun on a leaderboard and are not complete, the oldest first.

    Raises:
        UserError: the leaderboard is locked or none.
    """
    folder = grid_folder(db)
    plans = read_plans(folder)
    found = Leaderboard(db).look_up([run_id for plan in plans for run_id in plan.run_ids])
    heard = {name: _heard(name, at) for name, at in members(folder).items()}
    alive = {name: of for name, of in heard.items() if of.lives}
    holders = {group: holder for group, holder in claimed(folder).items() if holder in alive}
    return [_standing(plan, found, holders, alive) for plan in plans]


def _standing(plan: Plan, found: LookedUp, holders: dict[str, str], alive: dict[str, Heard]) -> Standing:
    """How far one plan is, of groups that are held by members who live."""
    parts = [
        Part(
            backbone=group.backbone,
            dataset=group.dataset,
            protocol=protocol,
            total=len(runs),
            done=sum(run_id in found.made or run_id in found.waiting for run_id in runs),
            failed=sum(run_id in found.failed for run_id in runs),
            by=holders.get(name),
        )
        for name, group in plan.groups.items()
        for protocol, runs in group.runs.items()
    ]
    at_work = {part.by: alive[part.by] for part in parts if part.by}
    return Standing(
        began=plan.began,
        parts=parts,
        seconds_left=_seconds_left(plan, found) if at_work else None,
        at_work=list(at_work.values()),
    )


def _seconds_left(plan: Plan, found: LookedUp) -> float | None:
    """At the pace of what was finished since the plan was made last."""
    since = [found.finished[run_id] for run_id in plan.run_ids if run_id in found.finished]
    n_new = sum(finished >= plan.began for finished in since)
    n_left = len(plan.run_ids) - len(since) - sum(run_id in found.failed for run_id in plan.run_ids)
    return n_left * (datetime.now(UTC) - plan.began).total_seconds() / n_new if n_new else None


def _heard(name: str, at: float) -> Heard:
    member = Member.parse(name) or Member(name, 0, "")
    ago = max(0.0, datetime.now(UTC).timestamp() - at)
    here = member.host == socket.gethostname()
    lives = is_alive(member) if here else ago < 2 * MISSED * HEARTBEAT_SECONDS
    return Heard(host=member.host, pid=member.pid, seconds_ago=ago, lives=lives)
