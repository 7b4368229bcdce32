"""Libraries that hold the code of a network and may be absent: asked for when it is built, never before."""

import sys
from importlib import import_module
from typing import Any

import torch

from mp_mae.errors import NotHereError

LEAST_PYTHON = (3, 12)
"""What torchgeo 0.9 and terratorch 1.2 need."""


def import_from(library: str, module: str) -> Any:
    """A module of a library that is installed as an extra of the same name.

    What importing it changes for the whole process is undone: Clay's code lowers the precision of products of matrices.

    Raises:
        NotHereError: it is not installed; says what installs it, or which Python that takes.
    """
    precision = torch.get_float32_matmul_precision()
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != library:
            raise  # of a library that is there a part is missing, which no advice of ours mends
        raise NotHereError(f"the network's code is in {library}, which is not installed. {_advice(library)}") from error
    finally:
        torch.set_float32_matmul_precision(precision)


def _advice(library: str) -> str:
    command = f"pip install 'mp-mae-bench[{library}]'"
    if sys.version_info < LEAST_PYTHON:
        needed = ".".join(map(str, LEAST_PYTHON))
        return f"It needs Python {needed}, and this is {sys.version.split()[0]}: make an environment, then {command}"
    return f"Run: {command}"
