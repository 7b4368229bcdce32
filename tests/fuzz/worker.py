"""`python -m fuzz.worker TARGET SEED FIRST LAST FOLDER`: a process that fuzzes and says on its output how far it is."""

import json
import logging
import os
import resource
import sys
import warnings
from dataclasses import asdict
from pathlib import Path

from fuzz.attempts import attempt, attempt_in_forks, check_seeds
from fuzz.targets import TARGETS

HEADROOM = 3 * 2**30
"""Bytes of memory that inputs may take at most; beyond, allocations fail."""


def main() -> None:
    name, folder = sys.argv[1], sys.argv[-1]
    seed, first, last = map(int, sys.argv[2:5])
    warnings.simplefilter("ignore")
    logging.disable()
    lines = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever a library prints is no line of ours
    target = TARGETS[name](Path(folder))
    check_seeds(target)
    used = int(Path("/proc/self/statm").read_text().split()[5]) * os.sysconf("SC_PAGESIZE")
    resource.setrlimit(resource.RLIMIT_DATA, (used + HEADROOM, resource.RLIM_INFINITY))
    if target.read_here is None:
        outcomes = attempt(target, name, seed, range(first, last))
    else:
        outcomes = attempt_in_forks(target, name, seed, first, last)
    for outcome in outcomes:
        lines.write(json.dumps(asdict(outcome)) + "\n")


if __name__ == "__main__":
    main()
