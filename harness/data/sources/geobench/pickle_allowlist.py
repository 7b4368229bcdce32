"""The objects GEO-Bench pickles may name, and the plain values each becomes. Everything else is refused.

Nothing named in a pickle is ever imported or called: GEO-Bench's classes, affine transforms and coordinate systems
become a `Record`, an ordered dictionary a plain one; only dates and NumPy numbers, whose arguments are checked here,
become the real thing.
"""

import datetime
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

_MODULE = re.compile(r"(?:geobench|geobench\.io|ccb\.io)\.(dataset|label|task)")
"""The module names GEO-Bench's classes have been pickled under over the years."""

_CLASSES = {
    "dataset": frozenset(
        {
            "BandInfo",
            "SpectralBand",
            "Sentinel1",
            "Sentinel2",
            "Landsat8",
            "MultiBand",
            "HyperSpectralBands",
            "ElevationBand",
            "Mask",
            "CloudProbability",
            "SegmentationClasses",
            "Stats",
        }
    ),
    "label": frozenset(
        {"LabelType", "Classification", "MultiLabelClassification", "SemanticSegmentation", "Detection", "Regression"}
    ),
    # The three metrics stand in specifications written before GEO-Bench 1.0; nothing reads them.
    "task": frozenset({"TaskSpecifications", "Accuracy", "MultilabelAccuracy", "SegmentationAccuracy"}),
}

_DTYPE_CODE = re.compile(r"b1|[iu][1248]|f[248]|[SU]\d{1,4}")
_MAX_DIMENSIONS = 64
"""NumPy's own limit."""


@dataclass(frozen=True, slots=True)
class Record:
    """An object of a pickle as plain data: the name of its class, what it was made from, and its attributes."""

    class_name: str
    arguments: tuple[Any, ...] = ()
    fields: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Named:
    """A class or function a pickle may name, and what stands for the call of it."""

    name: str
    build: Callable[[tuple[Any, ...]], Any]


@dataclass(slots=True, eq=False)
class Unfinished:
    """A NumPy value that has been named but not yet filled: pickles bring its content in a later step."""

    finish: Callable[[Any], Any]
    memo_keys: list[int] = field(default_factory=list)


def find_named(module: str, name: str) -> Named | None:
    """What a pickle's global stands for, or None where the allow-list has no such name."""
    ours = _MODULE.fullmatch(module)
    if ours is not None:
        return Named(name, _build_record(name)) if name in _CLASSES[ours[1]] else None
    return _FOREIGN.get((module.replace("numpy._core.", "numpy.core."), name))


def _build_record(name: str) -> Callable[[tuple[Any, ...]], Record]:
    return lambda arguments: Record(name, arguments)


def _build_date(arguments: tuple[Any, ...]) -> datetime.date:
    packed = _only_bytes(arguments, 4)
    return datetime.date(int.from_bytes(packed[:2], "big"), packed[2], packed[3])


def _build_datetime(arguments: tuple[Any, ...]) -> datetime.datetime:
    packed, zone = _only_bytes(arguments[:1], 10), (None, *arguments[1:])[-1]
    if len(arguments) > 2 or not (zone is None or type(zone) is datetime.timezone):
        raise TypeError("a date's time zone is not a fixed one")
    month = packed[2] & 0x7F  # the highest bit tells the second of two equal hours when clocks go back
    year, microsecond = int.from_bytes(packed[:2], "big"), int.from_bytes(packed[7:], "big")
    day, hour, minute, second = packed[3:7]
    return datetime.datetime(year, month, day, hour, minute, second, microsecond, zone)


def _build_timedelta(arguments: tuple[Any, ...]) -> datetime.timedelta:
    days, seconds, microseconds = arguments
    if not all(type(number) is int for number in arguments):
        raise TypeError("a time difference is not three whole numbers")
    return datetime.timedelta(days, seconds, microseconds)


def _build_timezone(arguments: tuple[Any, ...]) -> datetime.timezone:
    """The difference from UTC: a name, which may follow, says nothing that the difference does not."""
    if type(arguments[0]) is not datetime.timedelta:
        raise TypeError("a time zone is not a time difference")
    return datetime.timezone(arguments[0])


def _build_ordered_dict(arguments: tuple[Any, ...]) -> dict[Any, Any]:
    """An empty one: its items come in later steps, as a plain dictionary's do."""
    if arguments:
        raise TypeError("an ordered dictionary is not made empty")
    return {}


def _only_bytes(arguments: tuple[Any, ...], size: int) -> bytes:
    """The packed form dates are pickled in, by CPython's `date.__reduce__`."""
    (packed,) = arguments
    if type(packed) is not bytes or len(packed) != size:
        raise TypeError(f"a date is not {size} bytes")
    return packed


def _build_dtype(arguments: tuple[Any, ...]) -> Unfinished:
    code = arguments[0]
    if type(code) is not str or _DTYPE_CODE.fullmatch(code) is None:
        raise TypeError("an array's type is not a plain number or text")

    def finish(state: Any) -> np.dtype[Any]:
        order, structure = state[1], state[2:5]
        if order not in ("<", ">", "|", "=") or structure != (None, None, None):
            raise TypeError("an array's type is not a plain number or text")
        return np.dtype(code).newbyteorder(order)

    return Unfinished(finish)


def _build_array(arguments: tuple[Any, ...]) -> Unfinished:
    def finish(state: Any) -> np.ndarray:
        _, shape, dtype, column_major, data = state
        return _as_array(data, dtype, shape, "F" if column_major else "C")

    return Unfinished(finish)


def _build_array_of_buffer(arguments: tuple[Any, ...]) -> np.ndarray:
    data, dtype, shape, order = arguments
    return _as_array(data, dtype, shape, "F" if order == "F" else "C")


def _build_scalar(arguments: tuple[Any, ...]) -> Any:
    dtype, data = arguments
    return _as_array(data, dtype, (), "C").item()


def _as_array(data: Any, dtype: Any, shape: Any, order: Any) -> np.ndarray:
    """An array that owns its memory, in native byte order; never larger than the bytes that were there."""
    if type(data) not in (bytes, bytearray) or not isinstance(dtype, np.dtype) or type(shape) is not tuple:
        raise TypeError("an array is not made of bytes, a type and a shape")
    sides_fit = len(shape) <= _MAX_DIMENSIONS and all(type(side) is int and 0 <= side < 2**31 for side in shape)
    if not sides_fit or math.prod(shape) * dtype.itemsize != len(data):
        raise ValueError(f"an array's shape does not match its {len(data)} bytes")
    return np.ndarray(shape, dtype, buffer=data, order=order).astype(dtype.newbyteorder("="))


def _refuse_call(arguments: tuple[Any, ...]) -> Any:
    raise TypeError("numpy.ndarray is called rather than named")


_FOREIGN = {
    ("affine", "Affine"): Named("Affine", _build_record("Affine")),
    ("rasterio.crs", "CRS"): Named("CRS", _build_record("CRS")),
    ("collections", "OrderedDict"): Named("OrderedDict", _build_ordered_dict),
    ("datetime", "date"): Named("date", _build_date),
    ("datetime", "datetime"): Named("datetime", _build_datetime),
    ("datetime", "timedelta"): Named("timedelta", _build_timedelta),
    ("datetime", "timezone"): Named("timezone", _build_timezone),
    ("numpy", "dtype"): Named("dtype", _build_dtype),
    ("numpy", "ndarray"): Named("ndarray", _refuse_call),
    ("numpy.core.multiarray", "scalar"): Named("scalar", _build_scalar),
    ("numpy.core.multiarray", "_reconstruct"): Named("_reconstruct", _build_array),
    ("numpy.core.numeric", "_frombuffer"): Named("_frombuffer", _build_array_of_buffer),
}
"""Names outside GEO-Bench's own modules. NumPy 2 writes `numpy._core`, NumPy 1 `numpy.core`."""
