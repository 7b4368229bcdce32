"""What a forward pass frees stays for the next: to get it from the system anew takes a CPU up to 40 % of a pass."""

import ctypes
from functools import cache

LARGEST_BLOCK = 2**25
"""Bytes; the most that glibc documents. What is larger goes back to the system as soon as it is freed."""
MOST_KEPT = 2**28
"""Bytes that stay at the end of what a process, or a thread of it, was given."""

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # as malloc.h numbers them


@cache
def keep_freed_memory() -> None:
    """From now on, and for good, this process gives less of what it frees back to the system.

    On Linux with glibc; elsewhere nothing happens. Left alone, glibc gives back the tensors of nearly every layer, and
    the system fills each page with zeros when it is asked for again. No result changes.
    """
    try:
        set_option = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library, or another system
        return
    set_option(_MMAP_THRESHOLD, LARGEST_BLOCK)
    set_option(_TRIM_THRESHOLD, MOST_KEPT)
