"""Runs a command on two cores and writes what it took: python timed.py RESULT.json COMMAND ...

A small process of its own, so that the peak memory which the system tells of its children is theirs. It waits for all
that the command started, however indirectly, so that nothing is left out.
"""

import contextlib
import ctypes
import json
import os
import resource
import sys
import time
from pathlib import Path

CORES = 2


PR_SET_CHILD_SUBREAPER = 36
"""Linux: processes whose parent ended become children of this one (prctl(2))."""


def main(result: Path, command: list[str]) -> int:
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    start = time.perf_counter()
    _, status = os.waitpid(os.posix_spawnp(command[0], command, os.environ), 0)
    seconds = time.perf_counter() - start
    with contextlib.suppress(ChildProcessError):  # none is left
        while True:
            os.wait()
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    took = {
        "seconds": seconds,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_gb": usage.ru_maxrss * 1024 / 1e9,  # of the largest process
    }
    result.write_text(json.dumps(took))
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
