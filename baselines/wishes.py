"""What is wished for behind a question mark: `timm:resnet50?random`, `timm:resnet50?bands=B4,B3,B2&pool=avg`."""

from collections.abc import Sequence
from dataclasses import dataclass

from mp_mae.errors import UserError


@dataclass(frozen=True)
class Wish:
    """One thing that may be wished for: a word, or a key with a value."""

    key: str
    """What is typed before the equals sign, or alone."""
    meaning: str
    """What it is good for; follows "for" in a message."""
    example: str = ""
    """A value it can have. Empty, without `choices`: the word stands alone."""
    choices: tuple[str, ...] = ()
    """The values it can have, where they are few."""

    @property
    def shown(self) -> str:
        """How it is typed."""
        value = "|".join(self.choices) or self.example
        return f"{self.key}={value}" if value else self.key


def read_wishes(scheme: str, rest: str, offered: Sequence[Wish]) -> tuple[str, dict[str, str]]:
    """The name in what stands behind a scheme, and the wishes by key; a word that stands alone has the value "".

    Args:
        scheme: what stands before the colon, for messages; empty of a built-in backbone, which has none.
        rest: `NAME`, `NAME?word`, `NAME?key=value`, several joined by `&`.
    Raises:
        UserError: a wish that is not offered, lacks a value, has one that it cannot have, or is said twice.
    """
    name, question, text = rest.partition("?")
    if not question:
        return name, {}
    prefix = f"{scheme}:" if scheme else ""
    by_key = {wish.key: wish for wish in offered}
    wishes: dict[str, str] = {}
    for part in text.split("&"):
        key, _, value = part.partition("=")
        wish = by_key.get(key)
        if wish is None or not _fits(part, wish):
            there_is = ", ".join(f"`{prefix}{name}?{each.shown}` for {each.meaning}" for each in offered)
            raise UserError(f"{prefix}{rest}: found the wish {part!r}; there is {there_is or 'none'}")
        if key in wishes:
            raise UserError(f"{prefix}{rest}: {key} is wished for twice. Say it once")
        wishes[key] = value
    return name, wishes


def _fits(part: str, wish: Wish) -> bool:
    _, equals, value = part.partition("=")
    if wish.choices:
        return value in wish.choices
    return bool(value) if wish.example else not equals
