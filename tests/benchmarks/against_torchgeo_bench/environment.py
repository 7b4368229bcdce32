"""torchgeo-bench in a virtual environment of its own: it wants Python 3.12, and libraries that may not be ours."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

VERSION = "0.4.0"
SCRIPTS = Path(__file__).parent / "in_their_environment"
_NEW_ENOUGH = "import sys; sys.exit(None if sys.version_info >= (3, 12) else 'it is older than Python 3.12')"
_INSTALLED = "import importlib.metadata as m; print(m.version('torchgeo-bench'))"
_STATISTICS = """
import json
from torchgeo_bench.datasets import get_bench_dataset_class
print(json.dumps({band.source_name: (band.mean, band.std) for band in get_bench_dataset_class("m-eurosat").bands}))
"""


class NotInstallableError(Exception):
    """torchgeo-bench cannot be had on this machine; says why in one line."""


@dataclass(frozen=True)
class Environment:
    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def program(self) -> Path:
        return self.folder / "bin" / "torchgeo-bench"

    def band_statistics(self) -> dict[str, tuple[float, float]]:
        """Mean and deviation it standardises m-eurosat by, by the band's name in the files."""
        done = subprocess.run([self.python, "-c", _STATISTICS], check=True, capture_output=True, text=True)
        return {name: (mean, std) for name, (mean, std) in json.loads(done.stdout.splitlines()[-1]).items()}


def make_environment(folder: Path, python: str) -> Environment:
    """The environment in `folder`, installed from the package index if it is not there yet: some gigabytes.

    Args:
        python: an interpreter of version 3.12 or newer.
    Raises:
        NotInstallableError: there is no such interpreter, or pip could not install it.
    """
    environment = Environment(folder)
    if environment.python.exists() and _run(environment.python, "-c", _INSTALLED).stdout.strip() == VERSION:
        return environment
    print(f"installing torchgeo-bench {VERSION} in {folder}", flush=True)
    for command in (
        (python, "-c", _NEW_ENOUGH),
        (python, "-m", "venv", str(folder)),
        (environment.python, "-m", "pip", "install", "--quiet", f"torchgeo-bench=={VERSION}"),
    ):
        done = _run(*command)
        if done.returncode:
            lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
            reason = next((line for line in reversed(lines) if line.startswith("ERROR")), lines[0])
            raise NotInstallableError(f"torchgeo-bench {VERSION} cannot be installed by {python}: {reason}")
    return environment


def _run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, check=False, capture_output=True, text=True)
    except OSError as error:
        return subprocess.CompletedProcess(command, 1, "", error.strerror or str(error))
