"""One input after another: what is neither a value nor a documented error, or takes too much."""

import json
import os
import random
import resource
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from fuzz.mutate import mutate
from fuzz.targets import Target

SECONDS = 5
"""Of computing that one input may take."""
MEMORY = 2**30
"""Bytes by which one input may raise the most memory that the process ever had."""


@dataclass(frozen=True)
class Outcome:
    """What came of one input."""

    index: int
    part: str
    kind: str
    """`value`, `refused`, or what went wrong."""
    detail: str = ""


def build_input(target: Target, name: str, seed: int, index: int) -> tuple[str, bytes]:
    """Part and content of an input, which follow from the numbers alone."""
    draw = random.Random(f"{seed}/{name}/{index}")
    part = draw.choice(sorted(target.seeds))
    return part, mutate(target.seeds[part], target.words, draw)


def attempt(target: Target, name: str, seed: int, indices: Iterable[int]) -> Iterator[Outcome]:
    """In this process."""
    return _attempt(target, name, seed, indices, target.read)


def attempt_in_forks(target: Target, name: str, seed: int, first: int, last: int) -> Iterator[Outcome]:
    """By `read_here`, in forks of this process; what ends one, or takes it too long, is read by `read` instead."""
    assert target.read_here is not None
    while first < last:
        ours, theirs = os.pipe()
        fork = os.fork()
        if fork == 0:
            with os.fdopen(theirs, "w", buffering=1) as lines:
                for outcome in _attempt(target, name, seed, range(first, last), target.read_here):
                    lines.write(json.dumps(asdict(outcome)) + "\n")
            os._exit(0)
        os.close(theirs)
        with os.fdopen(ours) as lines:
            for line in lines:
                yield Outcome(**json.loads(line))
                first += 1
        os.waitpid(fork, 0)
        if first < last:
            yield from attempt(target, name, seed, [first])
            first += 1


def _attempt(
    target: Target, name: str, seed: int, indices: Iterable[int], read: Callable[[str, bytes], None]
) -> Iterator[Outcome]:
    for index in indices:
        part, data = build_input(target, name, seed, index)
        peak, began = _peak(), time.process_time()
        kind, detail = _read(target, read, part, data)
        if time.process_time() - began > SECONDS:
            kind, detail = "slow", f"{time.process_time() - began:.1f} s"
        elif _peak() - peak > MEMORY:
            kind, detail = "memory", f"{(_peak() - peak) / 2**20:.0f} MiB"
        yield Outcome(index, part, kind, detail)


def check_seeds(target: Target) -> None:
    """Every input is right before it is changed."""
    for part, seeds in target.seeds.items():
        for data in seeds:
            target.read(part, data)


def _read(target: Target, read: Callable[[str, bytes], None], part: str, data: bytes) -> tuple[str, str]:
    try:
        read(part, data)
    except target.documented as error:
        return (
            ("refused", "")
            if not target.one_line or "\n" not in str(error)
            else ("message of several lines", str(error)[:500])
        )
    except Exception as error:  # which one is what fuzzing is for
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}"
        return where, "".join(traceback.format_exception(error))[-3_000:]
    return "value", ""


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
