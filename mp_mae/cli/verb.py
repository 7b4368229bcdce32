"""What a verb of the command line is, and what several of them need."""

import argparse
import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from mp_mae.errors import UserError
from mp_mae.visible_text import VisibleConsole

if TYPE_CHECKING:
    from mp_mae.checkpoint import Checkpoint

STOPPED = 75
"""Exit code of a training that was stopped and saved what it had reached: the same command goes on with it. It is
EX_TEMPFAIL of sysexits.h, try again."""

out = VisibleConsole()
err = VisibleConsole(stderr=True)


@dataclass(frozen=True, kw_only=True)
class Verb:
    """One verb: it only translates words into a call, and the result into a line of text."""

    name: str
    summary: str
    examples: str
    """Command lines, indented by two spaces, below lines that say what they are for."""
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int | None]
    """Returns an exit code; None is 0."""
    interrupted: str = "a training goes on from its newest checkpoint with --resume auto"
    """How one goes on after Ctrl-C."""


def say(text: str) -> None:
    """Print a line of the result as it stands."""
    out.print(text, markup=False, highlight=False, soft_wrap=True)


def describe_encoder(folder: Path, checkpoint: "Checkpoint") -> str:
    """The line that tells of an encoder that was written."""
    encoder = checkpoint.encoder
    return f"{folder}: encoder {encoder.size}, {encoder.patch} px patches, sha256 {checkpoint.sha256}"


def process_number() -> int:
    """Number of this process among those that a launcher started together."""
    return int(os.environ.get("RANK", "0"))


def need_matplotlib(verb: str) -> None:
    """Raises UserError with the command that installs it."""
    if find_spec("matplotlib") is None:
        raise UserError(f"{verb} draws with matplotlib, which is not installed. Run: pip install matplotlib")
