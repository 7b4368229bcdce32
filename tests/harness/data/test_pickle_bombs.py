"""Small pickles that ask for much: memory and time stay within bounds, whatever a pickle says."""

import contextlib
import time
import tracemalloc

import pytest

from harness.data.sources.geobench.unpickle import safe_unpickle
from harness.errors import UserError


def of_class(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


def text(value: bytes) -> bytes:
    return b"\x8c" + bytes([len(value)]) + value


def state_again_and_again(n_fields: int, n_objects: int) -> bytes:
    """One dictionary, given as its state to object after object by five bytes each."""
    fields = b"".join(b"J" + index.to_bytes(4, "little") + b"N" for index in range(n_fields))
    objects = b"h\x00)Rh\x01b" * n_objects
    return b"\x80\x04" + of_class("geobench.label", "Classification") + b"q\x00}(" + fields + b"uq\x01" + objects + b"."


def array_again_and_again(n_bytes: int, n_arrays: int) -> bytes:
    """One content, made into array after array by five bytes each."""
    dtype = of_class("numpy", "dtype") + text(b"u1") + b"\x89\x88\x87R"
    dtype += b"(K\x03\x8c\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    size = n_bytes.to_bytes(4, "little")
    arguments = b"(B" + size + bytes(n_bytes) + dtype + b"J" + size + b"\x85\x8c\x01Ctq\x02"
    function = of_class("numpy.core.numeric", "_frombuffer") + b"q\x03"
    return b"\x80\x04" + arguments + function + b"h\x03h\x02R" * n_arrays + b"."


@pytest.mark.parametrize(
    "data",
    [state_again_and_again(10_000, 5_700), array_again_and_again(500_000, 100_000)],
    ids=["state", "array"],
)
def test_what_is_named_again_and_again_is_copied_no_more_often_than_allowed(data):
    tracemalloc.start()
    try:
        with pytest.raises(
            UserError, match=r"^x: its description is damaged .*it names the same values again and again"
        ):
            safe_unpickle(data, "x")
        assert tracemalloc.get_traced_memory()[1] < 2**30
    finally:
        tracemalloc.stop()


def test_a_pickle_longer_than_any_description_is_refused_unread():
    with pytest.raises(UserError, match=r"^x: its description has 4194305 bytes; at most 4194304 are read"):
        safe_unpickle(bytes(2**22 + 1), "x")


def long_integer(number: int) -> bytes:
    packed = number.to_bytes((number.bit_length() + 8) // 8, "little", signed=True)
    return b"\x8a" + bytes([len(packed)]) + packed


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x04}(" + b"".join(long_integer(i * (2**61 - 1)) + b"N" for i in range(100_000)) + b"u.",  # equal hashes
        b"\x80\x04"
        + of_class("numpy", "dtype")
        + text(b"u1")
        + b"\x89\x88\x87Rq\x00("
        + long_integer(2**2030) * 16_000
        + b"tq\x01" # a shape whose product has millions of digits
        + of_class("numpy.core.numeric", "_frombuffer")
        + b"(C\x00h\x00h\x01\x8c\x01CtR.",
        b"\x80\x04" + of_class("numpy", "dtype") + text(b"u1") + b"\x89\x88\x87R" + b"\x94" * 500_000
        + b"h\x00" * 500_000 + b"(K\x03\x8c\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb0."
    ],
    ids=["hashes", "shape", "memo"],
)  # fmt: skip
def test_no_pickle_takes_for_ever(data):
    began = time.perf_counter()
    with contextlib.suppress(UserError):
        safe_unpickle(data, "x")
    assert time.perf_counter() - began < 5
