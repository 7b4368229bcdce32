"""Reads GEO-Bench's pickles without running them.

A pickle is a program for a small stack machine, and Python's own machine will call whatever the program names. The one
here knows the instructions that protocols 3 to 5 write for plain data, looks names up in the allow-list of `pickled`,
and has no way to import or call anything else. Memory and time are bounded: a pickle is short (PICKLE_BYTES), and what
it may have copied by naming it again is limited as well (PICKLE_COPIES).
"""

import datetime
import pickletools
import struct
from collections.abc import Callable
from typing import Any

from harness.data.files.budgets import PICKLE_BYTES, PICKLE_COPIES
from harness.data.sources.geobench.pickle_allowlist import Named, Record, Unfinished, find_named
from harness.errors import UserError

_KEY_TYPES = frozenset({str, int, float, bool, bytes, type(None), datetime.date, datetime.datetime})
"""Dictionary keys are kept to these: hashing a tuple nested a million deep would overflow the C stack."""
_KEY_BITS = 63
"""Of an integer that is a key. The hashes of longer ones can be chosen to collide, and then a lookup takes for ever."""

_STOP = ord(".")
_UNREADABLE = (IndexError, KeyError, TypeError, ValueError, OverflowError, struct.error)
"""What broken data raises from list, struct and NumPy calls; anything else would be a mistake of ours."""


def safe_unpickle(data: bytes, source: str) -> Any:
    """The value in a pickle, its objects as `Record`s.

    Args:
        data: the pickle.
        source: where it comes from, for the message.
    Raises:
        UserError: names `source` and the class or instruction that has no place there, says where it is damaged, or
            that it is larger than it may be.
    """
    if len(data) > PICKLE_BYTES:
        raise UserError(
            f"{source}: its description has {len(data)} bytes; at most {PICKLE_BYTES} are read. Download the file again"
        )
    machine = _Machine(data)
    try:
        return machine.run()
    except _RefusedError as error:
        raise UserError(
            f"{source}: holds {error}, which GEO-Bench's format does not use; refused, and nothing of it was run. "
            "Get the file again from where it is published"
        ) from None
    except _UNREADABLE as error:
        raise UserError(
            f"{source}: its description is damaged at byte {machine.at} of {len(data)} ({error}). "
            "Download the file again"
        ) from None


class _RefusedError(Exception):
    """The pickle asks for something outside the allow-list."""


class _Machine:
    """The state of one reading: position, stack, marks (stack heights) and memo."""

    __slots__ = ("at", "copied", "data", "marks", "memo", "stack")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self.copied = 0

    def run(self) -> Any:
        data, steps = self.data, _STEPS
        while True:
            code = data[self.at]
            self.at += 1
            if code == _STOP:
                return self.stack.pop()
            step = steps.get(code)
            if step is None:
                raise _RefusedError(f"the pickle instruction {_name_of(code)}")
            step(self)

    def take(self, count: int) -> bytes:
        start, end = self.at, self.at + count
        if end > len(self.data):
            raise IndexError("it ends early")
        self.at = end
        return self.data[start:end]

    def take_byte(self) -> int:
        self.at += 1
        return self.data[self.at - 1]

    def take_int(self, size: int) -> int:
        return int.from_bytes(self.take(size), "little")

    def take_signed(self, size: int) -> int:
        return int.from_bytes(self.take(size), "little", signed=True)

    def take_line(self) -> str:
        end = self.data.index(b"\n", self.at)
        line = self.data[self.at : end].decode()
        self.at = end + 1
        return line

    def take_marked(self) -> list[Any]:
        start = self.marks.pop()
        items = self.stack[start:]
        del self.stack[start:]
        return items

    def count_copy(self, size: int) -> None:
        """Before something is copied that the memo can name any number of times, in two bytes each."""
        self.copied += size
        if self.copied > PICKLE_COPIES:
            raise ValueError("it names the same values again and again")

    def put(self, key: int) -> None:
        value = self.stack[-1]
        self.memo[key] = value
        if type(value) is Unfinished:
            value.memo_keys.append(key)


def _tuple_of(count: int) -> Callable[[_Machine], None]:
    def step(machine: _Machine) -> None:
        if len(machine.stack) < count:
            raise IndexError("the stack is too short")
        machine.stack[-count:] = [tuple(machine.stack[-count:])]

    return step


def _name_of(code: int) -> str:
    return next((known.name for known in pickletools.opcodes if ord(known.code) == code), f"{code:#04x}")


def _skip(count: int) -> Callable[[_Machine], None]:
    def step(machine: _Machine) -> None:
        machine.take(count)

    return step


def _push(value: Any) -> Callable[[_Machine], None]:
    return lambda machine: machine.stack.append(value)


def _append(machine: _Machine) -> None:
    item = machine.stack.pop()
    _expect(machine.stack[-1], list).append(item)


def _append_marked(machine: _Machine) -> None:
    items = machine.take_marked()
    _expect(machine.stack[-1], list).extend(items)


def _set_item(machine: _Machine) -> None:
    value, key = machine.stack.pop(), machine.stack.pop()
    _set_items(_expect(machine.stack[-1], dict), [key, value])


def _set_marked(machine: _Machine) -> None:
    items = machine.take_marked()
    _set_items(_expect(machine.stack[-1], dict), items)


def _set_items(target: dict[Any, Any], items: list[Any]) -> None:
    keys = items[::2]
    if not _KEY_TYPES.issuperset(map(type, keys)):
        raise TypeError("a dictionary's key is not text, a number or a date")
    if any(type(key) is int and key.bit_length() > _KEY_BITS for key in keys):
        raise ValueError("a dictionary's key is a number of too many digits")
    target.update(zip(keys, items[1::2], strict=True))


def _global_in_lines(machine: _Machine) -> None:
    module = machine.take_line()
    machine.stack.append(_allowed(module, machine.take_line()))


def _global_on_stack(machine: _Machine) -> None:
    name, module = _expect(machine.stack.pop(), str), _expect(machine.stack.pop(), str)
    machine.stack.append(_allowed(module, name))


def _allowed(module: str, name: str) -> Named:
    named = find_named(module, name)
    if named is None:
        shown = f"{module}.{name}"[:100]
        raise _RefusedError(f"the Python object {shown if shown.isprintable() else ascii(shown)}")
    return named


def _build(machine: _Machine) -> None:
    """Both ways of making an object, calling a function and calling a class's `__new__`, end in the allow-list."""
    arguments = _expect(machine.stack.pop(), tuple)
    machine.count_copy(_content_bytes(arguments))
    machine.stack.append(_expect(machine.stack.pop(), Named).build(arguments))


def _set_state(machine: _Machine) -> None:
    state, target = machine.stack.pop(), machine.stack[-1]
    if type(target) is Record:
        fields = state if type(state) is dict else {"state": state}
        machine.count_copy(len(fields))
        target.fields.update(fields)
        return
    unfinished = _expect(target, Unfinished)
    machine.count_copy(_content_bytes(_expect(state, tuple)))
    finished = unfinished.finish(state)
    machine.stack[-1] = finished
    for key in unfinished.memo_keys:
        if machine.memo[key] is unfinished:
            machine.memo[key] = finished
    unfinished.memo_keys.clear()


def _content_bytes(values: tuple[Any, ...]) -> int:
    """How many bytes an array made of these values copies."""
    return sum(len(value) for value in values if type(value) in (bytes, bytearray))


def _expect(value: Any, wanted: type) -> Any:
    if type(value) is not wanted:
        raise TypeError(f"{wanted.__name__} wanted, {type(value).__name__} found")
    return value


_STEPS: dict[int, Callable[[_Machine], None]] = {
    # Framing: the version and the frame lengths say nothing about the value.
    0x80: _skip(1),
    0x95: _skip(8),
    # Constants and numbers
    ord("N"): _push(None),
    0x88: _push(True),
    0x89: _push(False),
    ord("K"): lambda machine: machine.stack.append(machine.take_byte()),
    ord("M"): lambda machine: machine.stack.append(machine.take_int(2)),
    ord("J"): lambda machine: machine.stack.append(machine.take_signed(4)),
    0x8A: lambda machine: machine.stack.append(machine.take_signed(machine.take_byte())),
    ord("G"): lambda machine: machine.stack.append(struct.unpack(">d", machine.take(8))[0]),
    # Text and bytes, with lengths of one, four and eight bytes
    0x8C: lambda machine: machine.stack.append(machine.take(machine.take_byte()).decode()),
    ord("X"): lambda machine: machine.stack.append(machine.take(machine.take_int(4)).decode()),
    0x8D: lambda machine: machine.stack.append(machine.take(machine.take_int(8)).decode()),
    ord("C"): lambda machine: machine.stack.append(machine.take(machine.take_byte())),
    ord("B"): lambda machine: machine.stack.append(machine.take(machine.take_int(4))),
    0x8E: lambda machine: machine.stack.append(machine.take(machine.take_int(8))),
    0x96: lambda machine: machine.stack.append(bytearray(machine.take(machine.take_int(8)))),
    # Containers
    ord("("): lambda machine: machine.marks.append(len(machine.stack)),
    ord(")"): _push(()),
    0x85: _tuple_of(1),
    0x86: _tuple_of(2),
    0x87: _tuple_of(3),
    ord("t"): lambda machine: machine.stack.append(tuple(machine.take_marked())),
    ord("]"): lambda machine: machine.stack.append([]),
    ord("a"): _append,
    ord("e"): _append_marked,
    ord("}"): lambda machine: machine.stack.append({}),
    ord("s"): _set_item,
    ord("u"): _set_marked,
    # Objects
    ord("c"): _global_in_lines,
    0x93: _global_on_stack,
    ord("R"): _build,
    0x81: _build,
    ord("b"): _set_state,
    # Memo
    ord("q"): lambda machine: machine.put(machine.take_byte()),
    ord("r"): lambda machine: machine.put(machine.take_int(4)),
    0x94: lambda machine: machine.put(len(machine.memo)),
    ord("h"): lambda machine: machine.stack.append(machine.memo[machine.take_byte()]),
    ord("j"): lambda machine: machine.stack.append(machine.memo[machine.take_int(4)]),
}
"""Code of an instruction -> its step. Absent, hence refused: extension codes, persistent ids, buffers kept elsewhere,
sets, and what only protocols 0 and 1 write."""
