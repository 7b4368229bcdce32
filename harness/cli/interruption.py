"""Ctrl-C and SIGTERM end a command alike: soon, in one line, with the exit code that shells expect.

Work that can end in good order is told by the first of them to begin nothing more, and ended by the second.
"""

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn

GRACE_SECONDS = 1.0
"""For leaving in good order. What takes longer is cut off: nothing that is stored is ever half there."""
ENDING = (signal.SIGINT, signal.SIGTERM)
_WORDS: list[Callable[[], str]] = [
    lambda: "interrupted; what was finished is stored, and the same command goes on from there"
]
"""One: what an interrupted command says."""
_FINISH: list[tuple[Callable[[], None], str]] = []
"""At most one: what the first interruption calls, and what is said of it."""
_HEARD: list[int] = []
"""Numbers of the signals that came."""


def end_on_signals(work: Callable[[], None]) -> None:
    """Do `work`, the whole of this process, to its end or to the first Ctrl-C or SIGTERM, of `finishing` the second.

    A process that is interrupted exits with 128 plus the signal's number and takes its worker processes along.
    """

    def interrupt(number: int, _: object) -> None:
        _HEARD.append(number)
        if _FINISH and len(_HEARD) == 1:  # the thread that watches has told it
            return
        for other in ENDING:  # leaving must not be interrupted
            signal.signal(other, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in ENDING:
        signal.signal(number, interrupt)
    _watch_over_the_end()
    try:
        work()
    finally:
        if _HEARD:  # whatever became of the KeyboardInterrupt on its way here
            with suppress(OSError):  # whoever read the output may be gone, as `head` is
                sys.stdout.flush()
                sys.stderr.flush()
            _leave(_HEARD[0])


@contextmanager
def finishing(begin_no_more: Callable[[], None], words: str) -> Iterator[None]:
    """What goes on in the context is not ended by the first interruption, but told, and is over when it has ended what
    it had begun. The command ends then, or with the second.

    Args:
        begin_no_more: called by any thread, at any moment; must not wait for anything.
        words: one line that is then said.
    """
    _FINISH.append((begin_no_more, words))
    try:
        yield
    finally:
        _FINISH.clear()
    if _HEARD:
        raise KeyboardInterrupt


def say_if_interrupted(words: Callable[[], str]) -> None:
    """From now on an interruption is answered by one line that knows how far the command is.

    Args:
        words: called by any thread, at any moment; must not wait for anything.
    """
    _WORDS[0] = words


def _watch_over_the_end() -> None:
    """Python acts on a signal between two of its own instructions; this thread hears of it whatever goes on there."""
    ears, mouth = socket.socketpair()
    mouth.setblocking(False)
    signal.set_wakeup_fd(mouth.detach(), warn_on_full_buffer=False)

    def listen() -> int:
        number = 0
        while number not in ENDING:
            number = ears.recv(1)[0]
        return number

    def cut_off() -> None:
        number = listen()
        for begin_no_more, words in _FINISH[:1]:
            begin_no_more()
            _say(words)
            listen()
        time.sleep(GRACE_SECONDS)
        _leave(number)

    threading.Thread(target=cut_off, daemon=True).start()


def _say(text: str) -> None:
    with suppress(OSError):
        os.write(2, f"{text}\n".encode())


def _leave(number: int) -> NoReturn:
    """End this process without waiting for threads and processes, which end with it."""
    server = sys.modules.get("multiprocessing.forkserver")
    if server is not None and server._forkserver._forkserver_pid is not None:
        with suppress(ProcessLookupError):  # while it imports PyTorch it is deaf, and would be there for seconds more
            os.kill(server._forkserver._forkserver_pid, signal.SIGKILL)
    _say(_WORDS[0]())
    os._exit(128 + number)
