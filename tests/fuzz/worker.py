"""`python -m fuzz.worker TARGET INPUTS SEED FIRST LAST FOLDER`: a process that fuzzes and says on its output how far it
is. INPUTS: the target whose inputs these are, of two that read the same."""

import json
import logging
import os
import resource
import sys
import warnings
from dataclasses import asdict
from pathlib import Path

from fuzz.attempts import attempt, check_seeds
from fuzz.targets import TARGETS

HEADROOM = 3 * 2**30
"""Bytes of memory that inputs may take at most; beyond, allocations fail."""


def main() -> None:
    name, inputs, seed, first, last, folder = sys.argv[1:]
    warnings.simplefilter("ignore")
    logging.disable()
    lines = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever a library prints is no line of ours
    target = TARGETS[name](Path(folder))
    check_seeds(target)
    used = int(Path("/proc/self/statm").read_text().split()[5]) * os.sysconf("SC_PAGESIZE")
    resource.setrlimit(resource.RLIMIT_DATA, (used + HEADROOM, resource.RLIM_INFINITY))
    for outcome in attempt(target, inputs, int(seed), range(int(first), int(last))):
        lines.write(json.dumps(asdict(outcome)) + "\n")


if __name__ == "__main__":
    main()
