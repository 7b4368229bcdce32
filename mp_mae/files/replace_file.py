"""Text files that change as a whole: whoever looks, and whenever a process is killed, finds the old or the new text."""

from pathlib import Path

from mp_mae.files.flush import flush


def write_whole(path: Path, text: str) -> None:
    """Write a text file in UTF-8 beside `path`, then give it that name. It is on the disk when this returns.

    Raises:
        OSError: it cannot be written.
    """
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    flush(partial)
    partial.replace(path)
    flush(path.parent)
