"""Text from files and names in tables of rich: shown as text, whatever it says."""

from rich.markup import escape

from mp_mae.visible_text import visible


def plain(text: str) -> str:
    """For a cell of a table, where rich would read markup: the text as it stands, made visible."""
    return escape(visible(text))
