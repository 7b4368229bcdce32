"""How a download tells its caller how far it is. Nothing here prints."""

from typing import Protocol


class Watch(Protocol):
    """One thing after the other: `begin`, `advance` as bytes are done, `begin` of the next."""

    def begin(self, what: str, done: int, total: int | None) -> None:
        """Begin with a file of `total` bytes, of which some are done already; None: nobody knows how many."""
        ...

    def advance(self, n_bytes: int) -> None:
        """So many bytes more are done."""
        ...

    def notice(self, text: str) -> None:
        """A line that a person should read although nothing failed for good."""
        ...


class Silent:
    """Tells nobody."""

    def begin(self, what: str, done: int, total: int | None) -> None:
        pass

    def advance(self, n_bytes: int) -> None:
        pass

    def notice(self, text: str) -> None:
        pass
