"""Reads samples in child processes, so that a file can be given up: one that hangs or crashes the HDF5 library, or
takes more time or memory than a sample may, ends its reader and no more than that.

A child is started once and kept for the next dataset. It is no fork of this process, needs neither PyTorch nor the rest
of the harness, so it is there in a second, and ends when this process does, for its input ends then.
"""

import atexit
import contextlib
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from functools import cache

from harness.data.dataset import Dataset, locate
from harness.data.description import Sample
from harness.data.files.budgets import READ_SECONDS
from harness.errors import UserError

PORTION = 32
"""Samples that a child is asked for at a time."""
AHEAD = 2
"""Portions that a child is asked for before it has sent the first, so that it never waits."""
WORTH_A_CHILD = 500
"""Samples from which one more child reads faster, for it takes a second to start."""
COMMAND = ("-m", "harness.data.reading_child")
"""What Python runs in a child."""


def read_samples(dataset: Dataset, names: Sequence[str], workers: int) -> Generator[Sample, None, None]:
    """The samples in the order of `names`. Whoever stops early closes it (`contextlib.closing`), which frees its
    children.

    Args:
        workers: children that may read at the same time, if there are enough samples for more than one.
    Raises:
        UserError: a sample is bad, as `Dataset.read_sample` says, or reading it took too long or ended its process.
    """
    portions = [list(names[start : start + PORTION]) for start in range(0, len(names), PORTION)]
    with _readers().lend(max(1, min(workers, len(names) // WORTH_A_CHILD))) as children:
        ahead = AHEAD * len(children)
        for child in children:
            # Without what it has looked up so far; and a child may have been started where this process is no more.
            child.tell(replace(dataset, directory=dataset.directory.absolute()))
        for i, portion in enumerate(portions[:ahead]):
            children[i % len(children)].ask(portion)
        for i, portion in enumerate(portions):
            child = children[i % len(children)]
            yield from child.answer(dataset, portion)
            if i + ahead < len(portions):
                child.ask(portions[i + ahead])


class _Readers:
    """The children of one process."""

    def __init__(self) -> None:
        self._idle: list[_Child] = []
        self._lent: list[_Child] = []
        self._process = os.getpid()
        atexit.register(self._end)

    @contextlib.contextmanager
    def lend(self, n: int) -> Iterator[list["_Child"]]:
        """Children of one reader alone: another would take their answers for those to its own questions."""
        children: list[_Child] = []
        try:
            while len(children) < n:
                children.append(self._idle.pop() if self._idle else _Child())
                self._lent.append(children[-1])
            yield children
        finally:
            if os.getpid() == self._process:  # and not in a fork, which has a copy of the reader
                for child in children:
                    self._take_back(child)

    def _take_back(self, child: "_Child") -> None:
        """Keep one for the next dataset; many would hold memory that runs can use. One that still has something to
        say, because somebody stopped early, is none that can be asked again."""
        self._lent.remove(child)
        if child.n_open or self._idle:
            child.stop()
        else:
            self._idle.append(child)

    def stop(self) -> None:
        for child in (*self._idle, *self._lent):
            child.stop()
        self._idle.clear()

    def _end(self) -> None:
        if os.getpid() == self._process:  # and not in a fork of it
            self.stop()


def _readers() -> _Readers:
    """The readers of this process. A fork has its own: two that read from one pipe would take each other's answers."""
    return _readers_of(os.getpid())


@cache
def _readers_of(process: int) -> _Readers:
    return _Readers()


class _Child:
    """A process that reads samples when asked. What is told and answered are pickles on its input and output."""

    def __init__(self) -> None:
        places = os.pathsep.join(place or os.getcwd() for place in sys.path)  # it imports what this process would
        self._process = subprocess.Popen(
            (sys.executable, "-P", *COMMAND),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": places},
            start_new_session=True,  # a Ctrl-C is for its parent alone
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._questions, self._answers = self._process.stdin, self._process.stdout
        self.n_open = 0
        """Questions that are not answered to the end."""

    def ask(self, names: list[str]) -> None:
        """For samples of the dataset it was told. They are few, so that they fit in the pipe while it is busy."""
        self.n_open += 1
        self.tell(names)

    def tell(self, what: Dataset | list[str]) -> None:
        with contextlib.suppress(BrokenPipeError):  # it died; `answer` says of what
            pickle.dump(what, self._questions)
            self._questions.flush()

    def answer(self, dataset: Dataset, names: Sequence[str]) -> Iterator[Sample]:
        """The samples of the first names that are still to be answered.

        The child sends the number of each sample that it begins with, and now and then a list of finished ones.
        """
        n_samples, current = 0, 0
        while n_samples < len(names):
            try:
                message = pickle.load(self._answers)
            except (EOFError, pickle.UnpicklingError):
                raise UserError(f"{locate(dataset, names[current])}: {self._why_it_died()}") from None
            if isinstance(message, Exception):
                self.n_open -= 1
                raise message
            if isinstance(message, int):
                current = message
            else:
                _check_names(message, names[n_samples:])
                yield from message
                n_samples += len(message)
        self.n_open -= 1

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()
        with contextlib.suppress(BrokenPipeError):  # what it was not told any more
            self._questions.close()
        self._answers.close()

    def _why_it_died(self) -> str:
        code = self._process.wait()
        if hasattr(signal, "SIGPROF") and code == -signal.SIGPROF:
            return f"reading it took more than {READ_SECONDS} seconds: the file is damaged. Download the file again"
        reason = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return (
            f"the process that read it was ended ({reason}), for lack of memory or by a damaged file. Try --workers 1; "
            "if that does not help, download the file again"
        )


def _check_names(samples: Sequence[Sample], names: Sequence[str]) -> None:
    """A mistake of ours must never give a sample the name of another."""
    found = [sample.name for sample in samples]
    if found != list(names[: len(found)]):
        raise RuntimeError(f"a reader sent samples {found} where {list(names)} were wanted")
