"""What was written reaches the disk, so that a power cut leaves no empty file, and no name of one, behind."""

import os
import sys
from pathlib import Path


def flush(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk. Windows sees to it when it closes them.

    Raises:
        OSError: they cannot be written.
    """
    if sys.platform == "win32":
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
