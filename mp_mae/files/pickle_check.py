"""What a pickle of tensors may ask for, looked at before any of it is carried out."""

import pathlib
import pickletools
import re

from mp_mae.errors import UserError
from mp_mae.files import numpy_pickles

MAX_PICKLE_BYTES = 4 * 2**20
"""Largest description in a torch file, which names its tensors and not their values; 100 bytes a tensor are usual."""

MAX_COPIES = 64 * 2**20
"""Length of that description times its instructions that fill an object, each of which may copy most of it: two in an
official file."""

_ALLOWED_NAMES = re.compile(
    r"argparse\.Namespace|pathlib\.(_local\.)?PosixPath|collections\.OrderedDict|torch\.Size"
    r"|torch\._utils\._rebuild_(tensor_v2|parameter)|torch\.\w+Storage"
    r"|torch\.(device|bool|u?int(8|16|32|64)|b?float(16|32|64))|_codecs\.encode|" + numpy_pickles.ALLOWED_NAMES
)
"""Far fewer than torch allows, whose list has functions that make sparse tensors, or any number of zeros."""


def check_pickle(path: pathlib.Path, data: bytes, largest: int | None = None) -> int:
    """Refuse a pickle that names what weights have no need of, or asks for more than it is worth.

    Args:
        data: begins with the pickle.
        largest: the largest number it may hold; None: any.
    Returns:
        Its length in bytes.
    Raises:
        UserError: says what it asks for.
        ValueError: it is no pickle.
    """
    names, n_filled, number, length = set(), 0, 0, 0
    calls = numpy_pickles.Latin1Calls()
    for instruction, argument, position in pickletools.genops(data):
        if instruction.name == "GLOBAL":
            names.add(str(argument).replace(" ", "."))
        elif isinstance(argument, int):
            number = max(number, argument)
        n_filled += instruction.name == "BUILD"
        calls.see(instruction.name, argument)
        length = (position or 0) + 1
    refused = {name for name in names if not _ALLOWED_NAMES.fullmatch(name)}
    if not calls.fine:
        refused.add("_codecs.encode")
    if refused:
        raise UserError(
            f"{path}: the file wants to create {', '.join(sorted(refused))[:200]}, which a checkpoint has no need of; "
            "nothing was executed. Use a file from a source you trust, or one that holds a state dict alone."
        )
    if n_filled * length > MAX_COPIES:
        raise UserError(f"{path}: the file fills {n_filled} objects, which no checkpoint does. Download it again.")
    if largest is not None and number > largest:
        raise UserError(f"{path}: the file claims more content than it has, it is damaged. Download it again.")
    return length
