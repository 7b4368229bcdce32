"""Runs a command on two cores and writes what it took: python timed.py RESULT.json COMMAND ...

A small process of its own, so that the peak memory which the system tells of its child is the child's.
"""

import json
import os
import sys
import time
from pathlib import Path

CORES = 2


def main(result: Path, command: list[str]) -> int:
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    start = time.perf_counter()
    _, status, usage = os.wait4(os.posix_spawnp(command[0], command, os.environ), 0)
    took = {
        "seconds": time.perf_counter() - start,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_gb": usage.ru_maxrss * 1024 / 1e9,  # of the largest process among it and its children
    }
    result.write_text(json.dumps(took))
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
