"""The plan of a campaign as a file beside the leaderboard, for whoever asks how far it is. It is read without torch."""

import contextlib
import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import leaderboards.errors
from leaderboards.file.drafts import replacing
from leaderboards.formats.json_text import read_json

FOLDER, FORMAT = "plans", 1


@dataclass(frozen=True, kw_only=True)
class PlannedGroup:
    """Runs that share features."""

    backbone: str
    dataset: str
    runs: Mapping[str, Sequence[str]]
    """Protocol -> the run_id of each of its runs."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All runs of one command, those that were there before it began among them."""

    path: Path
    began: datetime
    """When the first of the processes made it that are at it."""
    groups: Mapping[str, PlannedGroup]
    """By what they are called among processes."""

    @property
    def run_ids(self) -> list[str]:
        return [run_id for group in self.groups.values() for runs in group.runs.values() for run_id in runs]


@contextmanager
def kept_plan(
    folder: Path, groups: Mapping[str, PlannedGroup], made: Callable[[Collection[str]], Collection[str]], *, anew: bool
) -> Iterator[None]:
    """Keep a plan in the folder `plans` within `folder`, until all of its runs are made.

    Args:
        made: which of these runs are made; asked at the end, of every plan that lies there.
        anew: whether it begins now, although it was begun before: nobody else is at it.
    """
    _write(folder / FOLDER, groups, anew)
    yield
    for plan in read_plans(folder):
        if len(made(plan.run_ids)) == len(plan.run_ids):
            plan.path.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # not empty
        (folder / FOLDER).rmdir()


_FOREIGN = (ValueError, KeyError, TypeError, AttributeError, OverflowError)
"""What values of other kinds than a plan has lead to."""


def read_plans(folder: Path) -> list[Plan]:
    """The plans that were kept and are not done, the oldest first. What is none is left out."""
    found = []
    for path in (folder / FOLDER).glob("*.json"):
        with contextlib.suppress(leaderboards.errors.UserError, OSError, *_FOREIGN):
            content = read_json(path, "Remove it")
            if content["format"] == FORMAT:
                groups = {name: PlannedGroup(**group) for name, group in content["groups"].items()}
                began = datetime.fromisoformat(content["began"]).astimezone(UTC)
                plan = Plan(path=path, began=began, groups=groups)
                if all(isinstance(run_id, str) for run_id in plan.run_ids):
                    found.append(plan)
    return sorted(found, key=lambda plan: plan.began)


def _write(folder: Path, groups: Mapping[str, PlannedGroup], anew: bool) -> None:
    """Whole or not at all, under a name that every process that carries it out would give it."""
    content = {name: vars(group) for name, group in groups.items()}
    key = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
    path = folder / f"{key}.json"
    if path.exists() and not anew:
        return
    plan = {"format": FORMAT, "began": datetime.now(UTC).isoformat(), "groups": content}
    with replacing(path) as draft:
        draft.write_text(json.dumps(plan), encoding="utf-8")
