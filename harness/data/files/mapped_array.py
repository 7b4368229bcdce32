"""Arrays of numpy's own format, read where they lie."""

from pathlib import Path

import numpy as np

from harness.data.files.regular_file import check_regular
from harness.errors import UserError


def map_array(file: Path, where: str, remedy: str) -> np.ndarray:
    """The memory-mapped array of a `.npy` file. Nothing that it brings is executed.

    Raises:
        UserError: it is missing, damaged, or no regular file; begins with `where`, ends with `remedy`.
    """
    try:
        check_regular(file, where)
        array: np.ndarray = np.load(file, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"{where}: cannot be read ({reason}). {remedy}") from None
    return array
