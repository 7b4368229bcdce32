"""`python -m harness.data.reading_child`: what a child of `reading` does."""

import contextlib
import os
import pickle
import signal
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from harness.data.dataset import Dataset
from harness.data.description import Sample
from harness.data.files.budgets import MIB, READ_MEMORY, READ_SECONDS
from harness.errors import UserError

PARCEL_BYTES = 4 * MIB
"""Of pixels that are sent at once: for less, the way costs more than the load."""


def main() -> None:
    """Read samples, by lists of names, until no more are asked for or nobody listens. A dataset comes before the names
    of its samples."""
    questions, answers = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # whatever a library prints is no answer
    _limit_memory()
    with contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            told = pickle.load(questions)
            if isinstance(told, Dataset):
                dataset = told
            else:
                _answer(answers, dataset, told)


def _answer(answers: BinaryIO, dataset: Dataset, names: list[str]) -> None:
    parcel: list[Sample] = []
    for number, name in enumerate(names):
        _send(answers, number)
        try:
            with _limited_time():
                parcel.append(dataset.read_sample(name))
        except Exception as error:
            if not isinstance(error, UserError):
                error.add_note(traceback.format_exc())  # a mistake of ours; its traceback does not travel by itself
            _send(answers, error)
            return
        if number == len(names) - 1 or sum(sample.pixels.nbytes for sample in parcel) >= PARCEL_BYTES:
            _send(answers, parcel)
            parcel = []


def _send(answers: BinaryIO, message: Any) -> None:
    pickle.dump(message, answers, pickle.HIGHEST_PROTOCOL)
    answers.flush()


@contextlib.contextmanager
def _limited_time() -> Iterator[None]:
    """Ends this process when it has computed for READ_SECONDS. The system does it, whatever a library is caught in.

    Computing, and not waiting: neither a slow disk nor a stopped terminal makes a file bad.
    """
    if not hasattr(signal, "setitimer"):
        yield
        return
    signal.setitimer(signal.ITIMER_PROF, READ_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _limit_memory() -> None:
    """READ_MEMORY more than now, or less where this process may have less. Where the system does not count it, only the
    sizes that files declare are limited."""
    statistics = Path("/proc/self/statm")
    if not statistics.exists():
        return
    import resource  # noqa: PLC0415 - not on every system

    used = int(statistics.read_text().split()[5]) * os.sysconf("SC_PAGESIZE")
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    limit = used + READ_MEMORY
    resource.setrlimit(resource.RLIMIT_DATA, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))


if __name__ == "__main__":
    main()
