"""What a person sees who types commands in a terminal of some width: lines as the terminal breaks them."""

import os
import pty
import re
import subprocess
import sys
import termios
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
_STYLES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")
_END = "=== end of command"
_SCRIPT = f"""
import shlex, sys
from harness.cli.app import app

for line in sys.argv[1:]:
    try:
        app(shlex.split(line))
    except SystemExit:
        print("{_END}", flush=True)
"""


def in_terminal(commands: Sequence[str], columns: int, cwd: Path) -> list[list[str]]:
    """The lines that each of `python -m harness ...` leaves in a terminal; all of one process, to import once."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (50, columns))
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    with subprocess.Popen(
        [sys.executable, "-c", _SCRIPT, *commands], stdin=theirs, stdout=theirs, stderr=theirs, cwd=cwd,
        env=environment | {"PYTHONPATH": str(ROOT), "TERM": "xterm"},
    ):  # fmt: skip
        os.close(theirs)
        text = _read(ours)
    shown = re.split(f"{_END}\r?\n", _STYLES.sub("", text))
    assert len(shown) == len(commands) + 1, text
    return [[part for line in screen.splitlines() for part in _broken(line, columns)] for screen in shown[:-1]]


def _read(terminal: int) -> str:
    """Everything until the other side is closed, which Linux tells by an error."""
    text = b""
    try:
        while part := os.read(terminal, 65_536):
            text += part
    except OSError:
        pass
    os.close(terminal)
    return text.decode()


def _broken(line: str, columns: int) -> list[str]:
    return [line[start : start + columns] for start in range(0, max(len(line), 1), columns)]
