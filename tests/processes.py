"""Several processes on the CPU that do one training, for tests: a command each, with a way to change one of them."""

import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from mp_mae.training.settings import Settings, as_fields

ROOT = Path(__file__).parents[1]


def pretrain_words(settings: Settings, out: Path) -> list[str]:
    """`pretrain` and its flags, for these settings."""
    words = [
        f"--set={key}={','.join(map(str, value)) if isinstance(value, tuple) else str(value).lower()}"
        for key, value in as_fields(settings).items()
        if value is not None and key != "data"
    ]
    return ["pretrain", "--data", settings.data, "--out", str(out), *words]


def run_together(
    words: list[str], folder: Path, *, processes: int = 2, first: str = "", variables: Mapping[str, str] | None = None
) -> list[tuple[int, str]]:
    """`python -m mp_mae WORDS` in each of several processes of a thread: (exit code, what it printed) of each.

    Args:
        first: Python that is run before, with `RANK` in the environment.
        variables: more of the environment.
    """
    program = f"import os, sys\n{first}\nfrom mp_mae.cli.app import main\nsys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", program, *words]
    return launch(command, folder, processes, 900, {"PYTHONPATH": str(ROOT), **(variables or {})})


def launch(
    command: Sequence[str], folder: Path | None, processes: int, timeout_s: float, variables: Mapping[str, str]
) -> list[tuple[int, str]]:
    """One command in several processes, as `torchrun` starts them: (exit code, what it printed) of each rank.

    Args:
        folder: where they run; None: here.
        variables: more of the environment.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    started = []
    for rank in range(processes):
        environment = {
            **os.environ, "WORLD_SIZE": str(processes), "RANK": str(rank), "LOCAL_RANK": str(rank),
            "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "OMP_NUM_THREADS": "1", "COLUMNS": "300", **variables,
        }  # fmt: skip
        if processes == 1:
            del environment["WORLD_SIZE"], environment["RANK"], environment["LOCAL_RANK"]
        started.append(
            subprocess.Popen(
                command, env=environment, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )
        )
    try:
        printed = [process.communicate(timeout=timeout_s)[0] for process in started]
    finally:
        for process in started:
            process.kill()
    return [(process.returncode, text) for process, text in zip(started, printed, strict=True)]
