"""Vectors that were made elsewhere: GeoTIFF stacks, a file an image, whose bands are the numbers of a vector."""

import numpy as np
import pytest

from baselines.stored_embeddings import build
from mp_mae.errors import UserError
from own_chips import write_chip


def test_a_stack_s_vector_is_the_mean_of_its_pixels_that_are_data(tmp_path):
    stack = np.arange(2 * 2 * 3, dtype=np.float32).reshape(2, 2, 3)
    write_chip(tmp_path / "wood" / "1.tif", stack)
    stack[1, 0, 0] = -9999
    write_chip(tmp_path / "wood" / "2.tiff", stack, nodata=-9999)
    stack[0, 1] = np.nan
    write_chip(tmp_path / "3.tif", stack, nodata=-9999)
    found = build(None, 0, path=str(tmp_path)).lookup(["wood:1.png", "wood:2.png", "field:3.jpg"])
    np.testing.assert_allclose(found, [[2.5, 8.5], [3.0, 9.0], [1.5, 7.5]])


def test_a_folder_that_cannot_be_read_is_named_and_not_left_out(tmp_path, unreadable):
    for name in ("a", "locked"):
        write_chip(tmp_path / name / "1.tif", np.ones((2, 2, 2), np.float32))
    unreadable(tmp_path / "locked")
    with pytest.raises(UserError, match=r"locked: cannot be read \(Permission denied\)"):
        build(None, 0, path=str(tmp_path))


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({}, "a folder of GeoTIFF files is wanted, each called as its image; none found"),
        ({"a": (2, 0.0), "b": (3, 0.0)}, "b.tif has 3 bands, a.tif has 2; vectors of one length are wanted"),
        ({"a": (2, np.nan)}, "a.tif: has no pixel that is data in all bands"),
        ({"a": (2, None)}, "a.tif: cannot be read"),
    ],
)
def test_a_folder_that_does_not_fit_is_one_line(tmp_path, files, told):
    for name, (bands, value) in files.items():
        if value is None:
            (tmp_path / f"{name}.tif").write_bytes(b"no image")
        else:
            write_chip(tmp_path / f"{name}.tif", np.full((bands, 2, 2), value, np.float32))
    with pytest.raises(UserError) as refused:
        build(None, 0, path=str(tmp_path))
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)
