"""Features of images on disk: stored once with what made them, and never wrong."""

import json

import numpy as np
import pytest
import torch

from harness.extraction.image_features import cached_features
from harness.records.progress import Silent
from harness.store.kinds import FEATURES, Place
from recorded_progress import Log

N = 9
VECTORS = np.arange(2 * N, dtype=np.float32).reshape(N, 2)


def extract(meter):
    for start in range(0, N, 4):
        meter.add(torch.ones(len(VECTORS[start : start + 4]), 3, 4, 4))
        yield VECTORS[start : start + 4]


def never(meter):
    raise AssertionError("extracted again")


def cached(cache_dir, extract, key="key", n=N, progress=None, device="cpu"):
    place = Place(cache_dir=cache_dir, kind=FEATURES, key=key, title="toy, tiny")
    return cached_features(place, n, extract, {"device": device}, progress or Silent())


def test_stored_features_need_no_backbone_and_know_what_made_them(tmp_path):
    cached(tmp_path, extract, device="a fast one")
    again = cached(tmp_path, never, device="cpu")
    np.testing.assert_array_equal(again.vectors, VECTORS)
    assert again.vectors.dtype == np.float32
    assert again.extraction == {"device": "a fast one"}
    assert (again.network_input.images, again.network_input.size_px) == (N, (4, 4))


def change(name, value):
    """Another fact about what entered the network, without the checksum that belongs to it."""

    def damage(entry):
        whole = json.loads((entry / "manifest.json").read_bytes())
        whole["manifest"]["facts"]["network_input"][name] = value
        (entry / "manifest.json").write_text(json.dumps(whole))

    return damage


def replace(change):
    return lambda entry: np.save(entry / "vectors.npy", change(np.load(entry / "vectors.npy")))


DAMAGES = {
    "cut": lambda entry: (entry / "vectors.npy").write_bytes((entry / "vectors.npy").read_bytes()[:-3]),
    "last bytes": lambda entry: (entry / "vectors.npy").write_bytes(
        (entry / "vectors.npy").read_bytes()[:-3] + b"\xff\xff\xff"
    ),
    "NaN": replace(lambda vectors: vectors * np.float32("nan")),
    "float64": replace(lambda vectors: vectors.astype(np.float64)),
    "integers": replace(lambda vectors: vectors.astype(np.int32)),
    "no columns": replace(lambda vectors: vectors[:, :0]),
    "one column": replace(lambda vectors: vectors[:, :1]),
    "rows exchanged": replace(lambda vectors: vectors[::-1]),
    "images": change("images", -1),
    "infinite images": change("images", float("inf")),
    "NaN mean": change("mean", [float("nan")] * 3),
    "list": lambda entry: (entry / "manifest.json").write_text("[]"),
    "huge number": lambda entry: (entry / "manifest.json").write_text("1" + "0" * 10_000),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_features_are_extracted_again_and_that_is_said(tmp_path, damage):
    cached(tmp_path, extract)
    DAMAGES[damage](tmp_path / "features" / "key")
    log = Log()
    np.testing.assert_array_equal(cached(tmp_path, extract, progress=log).vectors, VECTORS)
    assert len(log.notices) == 1
    assert log.notices[0].startswith("toy, tiny: features in the cache cannot be used: ")
    np.testing.assert_array_equal(cached(tmp_path, never).vectors, VECTORS)


def test_features_in_the_place_of_others_are_not_taken(tmp_path):
    cached(tmp_path, extract, key="other")
    (tmp_path / "features" / "other").rename(tmp_path / "features" / "key")
    with pytest.raises(AssertionError, match="extracted again"):
        cached(tmp_path, never)


def test_features_of_another_number_of_images_are_not_taken(tmp_path):
    cached(tmp_path, extract)
    with pytest.raises(AssertionError, match="extracted again"):
        cached(tmp_path, never, n=N - 1)


def test_features_that_fail_leave_nothing(tmp_path):
    with pytest.raises(AssertionError):
        cached(tmp_path, never)
    assert list((tmp_path / "features").iterdir()) == []
