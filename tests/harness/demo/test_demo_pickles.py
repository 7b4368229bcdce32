"""Pickles written without the classes they name mean what `pickle` makes of them."""

import pickle
import struct

import numpy as np
import pytest

from harness.data.sources.geobench.pickle_allowlist import Record
from harness.data.sources.geobench.unpickle import safe_unpickle
from harness.demo.pickle_writer import Instance, write_pickle


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        False,
        0,
        -1,
        2**31 - 1,
        0.1,
        "",
        "Köppen",
        b"\x00'\n",
        [],
        [1, [2]],
        (),
        (1, "a", None),
        {},
        {"a": {1: 2.0}},
    ],
)
def test_plain_values_survive(value):
    found = pickle.loads(write_pickle(value))
    assert found == value
    assert type(found) is type(value)
    assert safe_unpickle(write_pickle(value), "here") == value


@pytest.mark.parametrize("shape", [(3,), (2, 2), (0,)])
def test_arrays_survive(shape):
    array = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    for found in (pickle.loads(write_pickle(array)), safe_unpickle(write_pickle(array), "here")):
        np.testing.assert_array_equal(found, array, strict=True)


def test_an_instance_names_its_class_and_has_its_attributes():
    found = safe_unpickle(
        write_pickle(Instance("geobench.dataset", "Sentinel2", {"name": "a", "alt_names": ("b",)})), ""
    )
    assert found == Record("Sentinel2", (), {"name": "a", "alt_names": ("b",)})


@pytest.mark.parametrize("value", [{1, 2}, [np.int64(1)], np.zeros(2), object()])
def test_other_types_are_refused(value):
    with pytest.raises(TypeError, match="cannot pickle"):
        write_pickle(value)


def test_integers_beyond_32_bits_are_refused_and_not_cut():
    with pytest.raises(struct.error):
        write_pickle(2**31)
