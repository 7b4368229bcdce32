"""How a check says what it found."""


class BrokenPromiseError(Exception):
    """A backbone does not do what the contract says. The message says what was done instead and what to mend."""


class NotCheckedError(Exception):
    """This machine, or this backbone, leaves nothing to check. The message says why."""


def promise(kept: bool, otherwise: str) -> None:
    """Raise BrokenPromiseError unless it is kept."""
    if not kept:
        raise BrokenPromiseError(otherwise)
