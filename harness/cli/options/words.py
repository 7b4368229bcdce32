"""The words of options as what they stand for, before anything is looked up."""

import re
from typing import Literal

from harness.cli.terminal import split_names, split_numbers
from harness.errors import UserError

Given = list[str] | tuple[str, ...] | None
"""What an option that may be repeated was given: several words in each, between commas."""


def split_backbones(given: Given) -> tuple[str, ...]:
    """Names of backbones. Commas behind a question mark belong to the wish, `timm:resnet50?bands=B4,B3,B2`, but for one
    before another name with a wish: `clip?embedding=fused,clip?embedding=average`."""
    names: list[str] = []
    for text in (part for words in given or () for part in re.split(r",(?=[^,?]+\?)", words)):
        plain, mark, wishes = text.partition("?")
        names += split_names([plain])
        if mark:
            names.append(f"{names.pop() if names else ''}?{wishes}")
    return tuple(names)


def split_weights(given: Given) -> tuple[str, ...]:
    """`[NAME=]PATH` several times. A path may hold commas: one ends it only where the next NAME= follows."""
    return tuple(part for text in given or () for part in re.split(r",(?=[^,/=]+=)", text))


def split_settings(given: Given) -> tuple[str, ...]:
    """`PROTOCOL.SETTING=VALUE` several times. A value may be a list: a comma ends it where the next one follows."""
    return tuple(part.strip() for text in given or () for part in re.split(r",(?=\s*\w+\.\w+=)", text))


def split_budgets(given: Given) -> list[int | Literal["all"]]:
    """Numbers, and `all` after them."""
    names = split_names(given)
    numbers = split_numbers("--budgets", tuple(name for name in names if name != "all"))
    return [*numbers, "all"] if "all" in names else [*numbers]


def parse_input_size(text: str | None) -> int | str | None:
    """Pixels, or `native`."""
    if text is None or text == "native":
        return text
    try:
        return int(text)
    except ValueError:
        raise UserError(f"--input-size: expected pixels, for example 96, or native; found {text!r}") from None
