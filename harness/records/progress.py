"""How long work tells its caller how far it is. Nothing below the command line prints."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Step(Protocol):
    """One bar: call `advance` as units of work complete."""

    def advance(self, units: int = 1) -> None: ...


class Progress(Protocol):
    """Where steps and notices go: a rich display, a log, or nowhere (`Silent`)."""

    def step(self, description: str, total: int) -> AbstractContextManager[Step]:
        """A bar over `total` units that is removed when the context ends."""
        ...

    def notice(self, message: str) -> None:
        """One line the user should read although nothing failed."""
        ...


def telling_how_many(step: Step) -> Callable[[int, int], None]:
    """A step for work that says how many units of how many are done so far."""
    before = 0

    def report(done: int, _: int) -> None:
        nonlocal before
        step.advance(done - before)
        before = done

    return report


class Silent:
    """Tells nobody. For tests and for library use."""

    @contextmanager
    def step(self, description: str, total: int) -> Iterator["Silent"]:
        yield self

    def advance(self, units: int = 1) -> None:
        pass

    def notice(self, message: str) -> None:
        pass
