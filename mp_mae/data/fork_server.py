"""A module that a fork server imports first, and nothing else does: it ties the server to the process it serves.

The server leaves signals to that process, as all its forks do from birth, and ends when that process ends. Until
Python has imported this file the server is deaf to signals; the package `mp_mae` imports nothing, so that is soon.
"""

import os
import signal

from mp_mae.data.processes import signal_at_parents_end

_PARENT = os.getppid()


def _leave_if_alone(*_: object) -> None:
    """The kernel tells of the end of a thread too; what started the server may go on without that thread."""
    if os.getppid() != _PARENT:
        os._exit(1)


signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGTERM, _leave_if_alone)
signal_at_parents_end(signal.SIGTERM)
signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})
