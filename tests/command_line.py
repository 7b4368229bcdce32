"""Run `python -m harness ...` within this process: what a user would see, without importing torch forty times."""

import contextlib
import traceback
from pathlib import Path
from types import SimpleNamespace

from typer.testing import CliRunner

from harness.cli.app import app


def harness(*arguments: object, cwd: Path) -> SimpleNamespace:
    """Exit code and both outputs of a command typed in folder `cwd`."""
    with contextlib.chdir(cwd):
        result = CliRunner(env={"COLUMNS": "200"}).invoke(app, [str(argument) for argument in arguments])
    crash = result.exception if not isinstance(result.exception, SystemExit | None) else None
    shown = "".join(traceback.format_exception(crash)) if crash else ""
    return SimpleNamespace(returncode=result.exit_code, stdout=result.stdout, stderr=result.stderr + shown)
