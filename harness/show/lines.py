"""One line of text on a console, so that it can be pasted from there."""

from rich.console import Console


def say(console: Console, text: str, style: str | None = None) -> None:
    """Print one line as it stands: nothing in it is markup, and it is not folded."""
    console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)
