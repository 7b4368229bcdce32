"""The allow-list unpickler: what GEO-Bench writes comes out as plain values, nothing else comes out at all."""

import ast
import contextlib
import datetime
import os
import pickle
import sys
import threading
from collections import OrderedDict
from pathlib import Path
from types import ModuleType
from unittest.mock import patch

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geobench_files import dump, thing
from harness.data.sources.geobench.pickle_allowlist import Record
from harness.data.sources.geobench.unpickle import safe_unpickle
from harness.errors import UserError


@pytest.fixture(scope="session")
def real_pickles(any_patches) -> list[bytes]:
    """The description of a sample, and the specification of a task with masks."""
    (sample,) = any_patches.glob("classification_v1.0/*/id_0001.hdf5")
    with h5py.File(sample) as file:
        described = ast.literal_eval(file.attrs["pickle"])
    (task,) = any_patches.glob("segmentation_v1.0/*/task_specs.pkl")
    return [described, task.read_bytes()]


class Hostile:
    """Pickles as the call of a function."""

    def __init__(self, function, *arguments, state=None):
        self.reduced = (function, arguments) if state is None else (function, arguments, state)

    def __reduce__(self):
        return self.reduced


@pytest.mark.parametrize("protocol", [3, 4, 5])
@pytest.mark.parametrize(
    "value",
    [
        {"a": [1, -2, 2**40, -(2**70), 0.5, None, True, "µ", b"x", (), (1,), (1, 2, 3, 4)], 5: {}},
        ["x" * 300, b"y" * 300, [[[]]]],
        [datetime.date(2018, 9, 27), datetime.datetime(2018, 9, 27, 11, 54, 1, 250_000)],
    ],
)
def test_plain_values_and_dates_come_out_as_they_went_in(value, protocol):
    assert safe_unpickle(pickle.dumps(value, protocol), "x") == value


def test_a_value_named_twice_comes_out_as_one():
    shared = ["x"]
    first, second = safe_unpickle(pickle.dumps([shared, shared]), "x")
    assert first is second


@pytest.mark.parametrize("protocol", [3, 4, 5])
@pytest.mark.parametrize(
    "array",
    [
        np.arange(6).reshape(2, 3),
        np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3)),
        np.arange(3, dtype=">i2"),
        np.array([True, False]),
        np.zeros((0, 2), np.uint8),
        np.array(["ab", "c"]),
    ],
    ids=["int64", "column-major", "big-endian", "bool", "empty", "text"],
)
def test_arrays_come_out_equal(array, protocol):
    twice = safe_unpickle(pickle.dumps([array, array], protocol), "x")
    for found in twice:
        np.testing.assert_array_equal(found, array)
        assert found.dtype == array.dtype.newbyteorder("=")
        assert found.flags.owndata


def test_numpy_1_and_numpy_2_name_their_functions_differently():
    new = pickle.dumps([np.arange(3), np.float32(0.5)], protocol=3)
    old = new.replace(b"numpy._core.", b"numpy.core.")
    assert b"numpy.core.multiarray" in old
    for data in (old, new):
        array, scalar = safe_unpickle(data, "x")
        assert array.tolist() == [0, 1, 2]
        assert (type(scalar), scalar) == (float, 0.5)


@pytest.mark.parametrize("module", ["geobench.dataset", "geobench.io.dataset", "ccb.io.dataset"])
def test_geobench_objects_become_records_under_each_module_name_of_the_past(module):
    data = dump(thing("Sentinel2", name="02 - Blue", alt_names=("2", "blue")), protocol=3)
    data = data.replace(b"cgeobench.dataset\n", f"c{module}\n".encode())
    assert safe_unpickle(data, "x") == Record("Sentinel2", (), {"name": "02 - Blue", "alt_names": ("2", "blue")})


def test_affine_transforms_and_coordinate_systems_become_records(real_pickles):
    described = safe_unpickle(real_pickles[0], "x")["02 - Blue"]
    transform = described["transform"]
    assert (transform.class_name, len(transform.arguments), transform.arguments[::4]) == ("Affine", 6, (10.0, -10.0))
    assert described["crs"].class_name == "CRS"
    assert described["crs"].fields["state"].startswith('PROJCS["WGS 84 / UTM zone ')


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (Hostile(os.system, "touch {marker}"), "posix.system"),
        (Hostile(eval, "open('{marker}', 'w')"), "builtins.eval"),
        (Hostile(getattr, "{marker}", "upper"), "builtins.getattr"),
        (Hostile(np.fromfile, "{marker}"), "numpy.fromfile"),
        (threading.Thread, "threading.Thread"),
        (np.zeros, "numpy.zeros"),
        (datetime.time(1), "datetime.time"),
        (Path("/etc/passwd"), "pathlib.PosixPath"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_foreign_name_is_refused_by_name_and_not_run(value, named, tmp_path):
    marker = tmp_path / "marker"
    if isinstance(value, Hostile):
        function, arguments = value.reduced
        value = Hostile(function, *(argument.format(marker=marker) for argument in arguments))
    for protocol in (3, 4, 5):
        with pytest.raises(UserError, match=rf"toy/id_1\.hdf5: holds the Python object \S*{named}, which .* refused"):
            safe_unpickle(pickle.dumps(value, protocol), "toy/id_1.hdf5")
    assert not marker.exists()


@pytest.mark.parametrize(
    "data",
    [
        b"cos\nsystem\n(S'touch marker'\ntR.",
        b"(S'touch marker'\nios\nsystem\n.",
        b"(cos\nsystem\nS'touch marker'\no.",
        b"\x80\x02\x82\x01.",
        b"Pid\n.",
        b"\x80\x04\x8c\x02idQ.",
        b"\x80\x04\x8c\x10geobench.dataset\x8c\x12Sentinel2.__init__\x93.",
        b"\x80\x04\x8c\x0fgeobench.config\x8c\x0dGEO_BENCH_DIR\x93.",
        b"\x80\x04\x8c\x10geobench.dataset\x8c\x02os\x93.",
        b"\x80\x05\x97.",
    ],
    ids=["reduce", "inst", "obj", "extension", "persid", "binpersid", "attribute", "value", "import", "buffer"],
)
def test_other_ways_to_reach_foreign_code_are_refused(data):
    with pytest.raises(UserError, match=r"^x: holds .* refused, and nothing of it was run"):
        safe_unpickle(data, "x")


F8 = np.dtype("f8")


@pytest.mark.parametrize(
    "value",
    [
        Hostile(np._core.multiarray._reconstruct, np.ndarray, (0,), b"b", state=(1, (2**60,), F8, False, b"")),
        Hostile(np._core.multiarray._reconstruct, np.ndarray, (0,), b"b", state=(1, (-1,), F8, False, b"12345678")),
        Hostile(np._core.multiarray._reconstruct, np.ndarray, (0,), b"b", state=(1, (0, 2**70), F8, False, b"")),
        Hostile(
            np._core.multiarray._reconstruct, np.ndarray, (0,), b"b", state=(1, (1,) * 100, F8, False, b"12345678")
        ),
        Hostile(np._core.multiarray._reconstruct, np.ndarray, (0,), b"b", state=(1, (1,), np.dtype("O"), False, [1])),
        Hostile(np._core.multiarray.scalar, np.dtype([("a", "O")]), b"12345678"),
        Hostile(np._core.multiarray.scalar, F8, b"123"),
        Hostile(np._core.multiarray.scalar, F8, b"123456789"),
        Hostile(np.ndarray, (2**40,)),
        Hostile(np.dtype, "f8", False, True, state=(3, "<", (F8, (2**40,)), None, None, -1, -1, 0)),
        Hostile(datetime.date, 2018, 1, 1),
        Hostile(datetime.date, b"\x00\x00\x00\x00"),
        {(1, 2): 3},
    ],
    ids=[
        "huge",
        "negative",
        "overflow",
        "dimensions",
        "object",
        "record",
        "short",
        "long",
        "call",
        "sub",
        "ints",
        "zero",
        "key",
    ],
)
def test_arrays_and_dates_that_lie_about_themselves_are_damaged_data(value):
    with pytest.raises(UserError, match=r"^x: its description is damaged at byte"):
        safe_unpickle(pickle.dumps(value), "x")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80\x04",
        b"\x80\x04.",
        b"\x80\x04)b.",
        b"\x80\x04K\x01a.",
        b"\x80\x04]K\x01)Rb.",
        b"\x80\x04N\x85t.",
        b"\x80\x04(((((u.",
        b"\x80\x04h\x05.",
        b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7f.",
        b"\x80\x04\x8c\x02\xff\xfe.",
        b"\x80\x04}]K\x01s.",
        b"c" * 100,
    ],
)
def test_truncated_and_senseless_data_are_damaged_data(data):
    with pytest.raises(UserError, match=r"^x: its description is damaged at byte"):
        safe_unpickle(data, "x")


def test_a_length_beyond_the_end_says_where():
    with pytest.raises(UserError, match=r"damaged at byte 4 of 6 \(it ends early\)"):
        safe_unpickle(b"\x80\x04C\x05ab", "x")


def test_a_memo_index_near_the_limit_costs_no_memory():
    assert safe_unpickle(b"\x80\x04Nr\xff\xff\xff\xff.", "x") is None


def test_nesting_a_hundred_thousand_deep_neither_crashes_nor_recurses():
    depth = 100_000
    assert isinstance(safe_unpickle(b"\x80\x04" + b"]" * depth + b"a" * (depth - 1) + b".", "x"), list)
    with pytest.raises(UserError, match="key"):
        safe_unpickle(b"\x80\x04}" + b"N" + b"\x85" * depth + b"Ns.", "x")


def test_every_truncation_of_a_real_pickle_is_a_user_error(real_pickles):
    data = real_pickles[1]
    for length in range(len(data)):
        with pytest.raises(UserError):
            safe_unpickle(data[:length], "x")


@pytest.fixture(scope="module", autouse=True)
def _nothing_runs():
    """Whatever the fuzzers make up, no command is run."""
    patched = pytest.MonkeyPatch()
    patched.setattr(os, "system", lambda command: pytest.fail(f"ran {command}"))
    patched.setattr(os, "posix_spawn", lambda *arguments: pytest.fail(f"ran {arguments}"))
    yield
    patched.undo()


def unpickles_or_user_error(data: bytes) -> None:
    """Any other exception fails the test by itself."""
    with contextlib.suppress(UserError):
        safe_unpickle(data, "x")


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.sampled_from([0, 1]), st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=6)), min_size=1, max_size=4))
def test_mutations_of_real_pickles_raise_nothing_but_user_errors(real_pickles, which, edits):
    data = bytearray(real_pickles[which])
    for place, replacement in edits:
        at = int(place * len(data))
        data[at : at + len(replacement)] = replacement
    unpickles_or_user_error(bytes(data))


INSTRUCTIONS = [op.to_bytes() for op in range(256)]
FRAGMENTS = [
    b"K\x01",
    b"\x8c\x01a",
    b"C\x04\x07\xe2\x01\x02",
    b"(",
    b"\x94",
    b"h\x00",
    b"h\x01",
    b"cgeobench.dataset\nSentinel2\n",
    b"cos\nsystem\n",
    b"cnumpy\ndtype\n",
    b"cnumpy\nndarray\n",
    b"cnumpy.core.multiarray\n_reconstruct\n",
    b"cnumpy.core.multiarray\nscalar\n",
    b"cnumpy.core.numeric\n_frombuffer\n",
    b"cdatetime\ndatetime\n",
    b"\x8c\x02i8\x89\x88\x87R(K\x03\x8c\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb",
]


@settings(max_examples=500, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(FRAGMENTS + INSTRUCTIONS), max_size=30))
def test_random_programs_raise_nothing_but_user_errors(parts):
    unpickles_or_user_error(b"\x80\x04" + b"".join(parts) + b".")


# What newer packages write


def test_an_ordered_dictionary_becomes_a_plain_one():
    for protocol in (3, 4, 5):
        assert safe_unpickle(pickle.dumps(OrderedDict(b=1, a=[2]), protocol), "x") == {"b": 1, "a": [2]}


def test_dates_keep_their_time_zone():
    zones = (datetime.UTC, datetime.timezone(datetime.timedelta(hours=-3, minutes=-30)))
    dates = [datetime.datetime(2018, 9, 27, 11, tzinfo=zone) for zone in zones]
    assert safe_unpickle(pickle.dumps(dates), "x") == dates
    named = datetime.datetime(2018, 9, 27, tzinfo=datetime.timezone(datetime.timedelta(hours=1), "CET"))
    assert safe_unpickle(pickle.dumps(named), "x") == named


def made_by_hand(module: str, name: str, **members) -> type:
    """A class that pickles under a name of another package."""
    return type(name, (members.pop("base", object),), {"__module__": module, **members})


def dump_as(made: type, value) -> bytes:
    module = ModuleType(made.__module__)
    setattr(module, made.__name__, made)
    package = made.__module__.partition(".")[0]
    with patch.dict(sys.modules, {package: module, made.__module__: module}):
        return pickle.dumps(value)


def test_affine_transforms_of_both_versions_become_records():
    numbers = (10.0, 0.0, 605580.0, 0.0, -10.0, 6147240.0)
    second = made_by_hand("affine", "Affine", base=tuple, __getnewargs__=lambda self: (*self,))
    assert safe_unpickle(dump_as(second, second(numbers)), "x") == Record("Affine", numbers)
    # The third version writes the arguments and every field.
    fields = dict(zip("abcdefghi", (*numbers, 0.0, 0.0, 1.0), strict=True))
    third = made_by_hand("affine", "Affine", __getnewargs__=lambda self: numbers, __getstate__=lambda self: fields)
    assert safe_unpickle(dump_as(third, third()), "x") == Record("Affine", numbers, fields)


def test_coordinate_systems_become_records_of_their_text():
    system = made_by_hand("rasterio.crs", "CRS", __getstate__=lambda self: 'PROJCS["WGS 84"]')
    assert safe_unpickle(dump_as(system, system()), "x") == Record("CRS", (), {"state": 'PROJCS["WGS 84"]'})
