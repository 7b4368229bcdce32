"""Run `python -m harness ...` within this process: what a user would see, without importing torch forty times."""

import contextlib
import traceback
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

from typer.testing import CliRunner

from harness.cli import terminal
from harness.cli.app import app

WIDTH = 200
"""Of a terminal that folds nothing, whatever COLUMNS was when its module was imported: pytest-xdist sets it."""


def harness(*arguments: object, cwd: Path) -> SimpleNamespace:
    """Exit code and both outputs of a command typed in folder `cwd`."""
    with contextlib.chdir(cwd), mock.patch.object(terminal.err, "_width", WIDTH):
        result = CliRunner(env={"COLUMNS": str(WIDTH)}).invoke(app, [str(argument) for argument in arguments])
    crash = result.exception if not isinstance(result.exception, SystemExit | None) else None
    shown = "".join(traceback.format_exception(crash)) if crash else ""
    return SimpleNamespace(returncode=result.exit_code, stdout=result.stdout, stderr=result.stderr + shown)
