"""Files of tensors that others wrote, read without executing anything they bring: torch.save's, and safetensors."""

import argparse
import pathlib
import pickle
import struct
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from torch.serialization import safe_globals

from mp_mae.errors import UserError
from mp_mae.files import numpy_pickles
from mp_mae.files.pickle_check import MAX_PICKLE_BYTES, check_pickle

# What such files hold beside tensors. A path is read as a pure one, which exists on every system; Python 3.13 moved the
# class, so both of its names are listed.
_ALLOWED_CLASSES: list[Callable[..., Any] | tuple[Callable[..., Any], str]] = [
    argparse.Namespace,
    (pathlib.PurePosixPath, "pathlib.PosixPath"),
    (pathlib.PurePosixPath, "pathlib._local.PosixPath"),
    *numpy_pickles.ALLOWED,
]

# What torch's unpickler raises on bytes that are no pickle of its own.
_UNREADABLE = (
    pickle.UnpicklingError, RuntimeError, ValueError, EOFError, LookupError, TypeError, AttributeError, AssertionError,
    struct.error, MemoryError, OverflowError,
)  # fmt: skip

_OLD_FORMAT = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
"""How a file begins that torch.save wrote before version 1.6: its magic number 0x1950a86a20f9469cfc6c, pickled."""

_DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def load_weights_only(path: pathlib.Path) -> Any:
    """The content of a file that torch.save wrote, with every tensor on the CPU.

    Tensors are mapped instead of read, except those of the format before torch 1.6. NumPy's arrays are
    `numpy_pickles.StoredArray`, its scalars Python's numbers.

    Raises:
        UserError: no such file, another kind, damaged, compressed, or it names a class or function that weights have no
            need of.
    """
    not_ours = f"{path}: wanted a checkpoint written by torch.save; the file is another kind or cut short"
    if not path.is_file():
        raise UserError(f"{path}: cannot read the checkpoint (no regular file of that name). Check the path.")
    try:
        old = _begins_with(path, _OLD_FORMAT)
        if old:
            _check_old_format(path)
        else:
            with zipfile.ZipFile(path) as archive:
                _check_archive(path, archive)
        with safe_globals(_ALLOWED_CLASSES):
            return torch.load(path, map_location="cpu", weights_only=True, mmap=not old)
    except OSError as error:
        raise UserError(f"{path}: cannot read the checkpoint ({error.strerror}). Check the path.") from error
    except (zipfile.BadZipFile, *_UNREADABLE) as error:
        raise UserError(f"{not_ours} ({_reason(error)}). Download it again.") from error


def load_safetensors(path: pathlib.Path, advice: str) -> dict[str, Tensor]:
    """The tensors of a safetensors file by name. Raises UserError that ends with `advice` if it cannot be read."""
    if path.exists() and not path.is_file():
        raise UserError(f"{path}: cannot read the weights (no regular file). {advice}")
    try:
        return load_file(path)
    except (OSError, SafetensorError, ValueError, OverflowError) as error:
        raise UserError(f"{path}: cannot read the weights ({_reason(error)}). {advice}") from error


def describe_wrong(tensors: Mapping[str, Any], wanted: Mapping[str, torch.Size]) -> list[str]:
    """What is wrong with each tensor that is not dense, floating-point, of the wanted shape and finite."""
    problems = []
    for key in sorted(wanted.keys() & tensors.keys()):
        tensor = tensors[key]
        if not isinstance(tensor, Tensor) or tensor.dtype not in _DTYPES:
            kind = tensor.dtype if isinstance(tensor, Tensor) else type(tensor).__name__
            problems.append(f"{key} is {kind} (wanted floating point)")
        elif tensor.layout is not torch.strided or tensor.is_meta:
            kind = "without values" if tensor.is_meta else str(tensor.layout).removeprefix("torch.")
            problems.append(f"{key} is {kind} (wanted a dense tensor)")
        elif tensor.shape != wanted[key]:
            problems.append(f"{key} is {list(tensor.shape)} (wanted {list(wanted[key])})")
        elif n_bad := int((~torch.isfinite(tensor)).sum()):
            problems.append(f"{key} has {n_bad} values that are NaN or infinite")
    return problems


def _begins_with(path: pathlib.Path, start: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(start)) == start


def _check_archive(path: pathlib.Path, archive: zipfile.ZipFile) -> None:
    """Before it is read: what torch does not look at (checksums), and what could make reading it endless."""
    members = archive.infolist()
    if any(member.compress_type != zipfile.ZIP_STORED for member in members):
        raise UserError(f"{path}: the file is compressed, which torch.save never does. Save the checkpoint again.")
    if sum(member.file_size for member in members) > path.stat().st_size:
        raise UserError(f"{path}: the file claims more content than it has, it is damaged. Download it again.")
    damaged = archive.testzip()
    if damaged is not None:
        raise UserError(f"{path}: the part {damaged} fails its checksum, the file is damaged. Download it again.")
    for member in members:
        if member.filename.endswith("data.pkl"):
            if member.file_size > MAX_PICKLE_BYTES:
                raise UserError(f"{path}: {member.filename} has {member.file_size} bytes; wanted tensors, not lists.")
            check_pickle(path, archive.read(member))


def _check_old_format(path: pathlib.Path) -> None:
    """Before it is read: its pickles, and that no tensor is larger than the file."""
    with path.open("rb") as file:
        described = file.read(MAX_PICKLE_BYTES)
    for largest in (None, None, None, path.stat().st_size, None):
        # the magic number, the version, the writer's machine, the content, and the names of its storages
        described = described[check_pickle(path, described, largest) :]


def _reason(error: BaseException) -> str:
    return str(error).partition("\n")[0][:200] or type(error).__name__
