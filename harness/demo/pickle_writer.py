"""Writes pickles that name classes of packages which are not imported here, and need not be installed.

GEO-Bench's files hold pickled objects of the `geobench` package. The instructions are those of pickle's protocol 3
(described in CPython's `pickletools`), without its memo: equal values give equal bytes on every version of Python.
`harness.data.sources.geobench.unpickle` reads them back.
"""

import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Instance:
    """An object as its class's `__new__` makes it, with attributes."""

    module: str
    class_name: str
    attributes: Mapping[str, Any]


@dataclass(frozen=True)
class _Name:
    """A class or function itself."""

    module: str
    name: str


@dataclass(frozen=True)
class _Call:
    """What a function returns, given a state afterwards."""

    function: _Name
    arguments: tuple[Any, ...]
    state: tuple[Any, ...]


def write_pickle(value: Any) -> bytes:
    """The pickle of None, bool, int (32 bits), float, str, bytes, list, tuple, dict, `Instance` and uint8 arrays.

    Raises:
        TypeError: another type, anywhere inside.
    """
    return b"\x80\x03" + _write(value) + b"."


def _write(value: Any) -> bytes:
    writer = _WRITERS.get(type(value))
    if writer is None:
        raise TypeError(f"cannot pickle a {type(value).__name__}")
    return writer(value)


def _write_each(values: Iterable[Any]) -> bytes:
    return b"".join(map(_write, values))


def _with_length(data: bytes) -> bytes:
    return struct.pack("<I", len(data)) + data


def _write_instance(value: Instance) -> bytes:
    made = _write(_Name(value.module, value.class_name)) + b")\x81"
    return made + _write(dict(value.attributes)) + b"b"


def _write_call(value: _Call) -> bytes:
    return _write(value.function) + _write(value.arguments) + b"R" + _write(value.state) + b"b"


def _write_array(value: np.ndarray) -> bytes:
    """As `numpy.ndarray.__reduce__` has it, by the names that NumPy 1 and NumPy 2 both know."""
    if value.dtype != np.uint8:
        raise TypeError(f"cannot pickle an array of {value.dtype}")
    dtype = _Call(_Name("numpy", "dtype"), ("u1", False, True), (3, "|", None, None, None, -1, -1, 0))
    empty = (_Name("numpy", "ndarray"), (0,), b"b")
    state = (1, value.shape, dtype, False, value.tobytes())
    return _write(_Call(_Name("numpy.core.multiarray", "_reconstruct"), empty, state))


_WRITERS: dict[type, Callable[[Any], bytes]] = {
    type(None): lambda _: b"N",
    bool: lambda value: b"\x88" if value else b"\x89",
    int: lambda value: b"J" + struct.pack("<i", value),
    float: lambda value: b"G" + struct.pack(">d", value),
    str: lambda value: b"X" + _with_length(value.encode()),
    bytes: lambda value: b"B" + _with_length(value),
    list: lambda value: b"](" + _write_each(value) + b"e",
    tuple: lambda value: b"(" + _write_each(value) + b"t",
    dict: lambda value: b"}(" + _write_each(part for item in value.items() for part in item) + b"u",
    np.ndarray: _write_array,
    Instance: _write_instance,
    _Name: lambda value: f"c{value.module}\n{value.name}\n".encode(),
    _Call: _write_call,
}
"""Type of a value -> the instructions that make it."""
