"""Memory that a forward pass frees is used again by the next."""

import platform
import subprocess
import sys

import pytest

PASSES = """
import resource, sys
import torch
from harness.extraction.memory import keep_freed_memory

def layers():
    x = torch.zeros(2**21)  # 8 MB
    for _ in range(4):
        x = (x + 1) * 2 + (x - 1)

if sys.argv[1] == "kept":
    keep_freed_memory()
for _ in range(3):
    layers()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    layers()
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / 10)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="of glibc")
def test_pages_are_asked_for_once() -> None:
    faults = {}
    for how in ("kept", "as it is"):
        done = subprocess.run([sys.executable, "-c", PASSES, how], capture_output=True, text=True, check=True)
        faults[how] = float(done.stdout)
    assert faults["as it is"] > 1_000  # what the setting is for
    assert faults["kept"] < faults["as it is"] / 3
