"""Features of pixels on disk: stored once, in half precision that changes nothing, and never half a folder."""

import mmap
import os
import threading
import time
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch

from baselines.contract import Features, Level
from harness.errors import UserError
from harness.extraction import pixel_features as module
from harness.extraction.pixel_features import cached_pixel_features
from harness.protocols.masks.linear_probe_masks import LinearProbeMasksSettings, linear_probe_masks
from harness.records.progress import Silent
from harness.records.run import Selection
from harness.store.arrays import ArrayWriter
from harness.store.kinds import PIXEL_FEATURES, Place
from harness.store.room import Room
from recorded_progress import Log

PYRAMID = (Level(3, 1), Level(5, 4))
N = 5
Usage = namedtuple("Usage", "total used free")


def draw_batches(seed=0, side=8, loc=0.0, scale=1.0, n=N):
    """Two batches of maps, the second smaller."""
    generator = torch.Generator().manual_seed(seed)
    for count in (n - 2, 2):
        maps = tuple(
            loc
            + scale
            * torch.randn(count, level.channels, side // level.stride, side // level.stride, generator=generator)
            for level in PYRAMID
        )
        yield Features(vector=torch.zeros(count, 1), maps=maps)


def extract(meter):
    return PYRAMID, metered(draw_batches(), meter)


def metered(batches, meter):
    """As if the network had been given the finest map."""
    for batch in batches:
        meter.add(batch.maps[0])
        yield batch


def is_mapped(array):
    while isinstance(array, np.ndarray):
        array = array.base
    return isinstance(array.obj if isinstance(array, memoryview) else array, mmap.mmap)


def never(meter):
    raise AssertionError("extracted again")


def place(cache_dir):
    return Place(cache_dir=cache_dir, kind=PIXEL_FEATURES, key="key", title="toy, tiny")


def cached(cache_dir, extract, n=N, progress=None):
    return cached_pixel_features(place(cache_dir), n, extract, {"device": "cpu"}, progress or Silent())


def test_maps_come_back_in_order_up_to_the_unit_of_each_channel(tmp_path):
    stored = cached(tmp_path, extract)
    assert stored.strides == (1, 4)
    assert stored.extraction == {"device": "cpu"}
    assert stored.network_input.images == N
    for i, level in enumerate(stored.maps):
        maps = torch.cat([batch.maps[i] for batch in draw_batches()]).permute(0, 2, 3, 1).numpy()
        std = maps.std(axis=(0, 1, 2))
        expected = (maps - maps.mean(axis=(0, 1, 2))) / 2 ** np.log2(std).round()
        assert level.dtype == np.float16
        np.testing.assert_allclose(level, expected, atol=4e-3)
        assert not level[0].flags.writeable
        assert is_mapped(level[0]), "what was just written is not kept in memory"


def test_stored_maps_need_no_backbone(tmp_path):
    first = cached(tmp_path, extract)
    again = cached(tmp_path, never)
    assert all(np.array_equal(a, b) for a, b in zip(first.maps, again.maps, strict=True))


def test_room_for_all_levels_is_claimed_at_once(tmp_path, monkeypatch):
    """Two commands that each got room for some of theirs would wait for each other."""
    claims, make_way = [], Room._make_way
    monkeypatch.setattr(Room, "_make_way", lambda room, *given: claims.append(given) or make_way(room, *given))
    cached_pixel_features(replace(place(tmp_path), limit=10**6), N, extract, {"device": "cpu"}, Silent())
    ((wanted, limit),) = claims
    assert limit == 10**6
    assert wanted >= sum(path.stat().st_size for path in (tmp_path / "pixel_features" / "key").iterdir())


def shift(path):
    content = np.load(path)
    np.save(path, content[::-1])


DAMAGES = {
    "cut": lambda entry: os.truncate(entry / "stride_4.npy", 200),
    "missing": lambda entry: (entry / "stride_4.npy").unlink(),
    "text": lambda entry: (entry / "stride_4.npy").write_text("<html>"),
    "rows in another order": lambda entry: shift(entry / "stride_4.npy"),
    "NaN": lambda entry: np.save(entry / "stride_4.npy", np.load(entry / "stride_4.npy") * np.float16("nan")),
    "levels exchanged": lambda entry: (entry / "stride_4.npy").replace(entry / "stride_1.npy"),
    "manifest": lambda entry: (entry / "manifest.json").write_text("7"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_maps_are_extracted_again_and_that_is_said(tmp_path, damage):
    first = [np.array(level) for level in cached(tmp_path, extract).maps]
    DAMAGES[damage](tmp_path / "pixel_features" / "key")
    log = Log()
    again = cached(tmp_path, extract, progress=log).maps
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert len(log.notices) == 1
    assert log.notices[0].startswith("toy, tiny: features of pixels in the cache cannot be used: ")
    assert [p.name for p in (tmp_path / "pixel_features").iterdir()] == ["key"]


def test_two_that_want_the_same_features_share_one_extraction(tmp_path):
    """The second used to fail with "Directory not empty", and did all the work before."""
    both_ask = threading.Barrier(2)
    extracted = []

    def slow(meter):
        extracted.append(meter)
        time.sleep(0.2)
        return extract(meter)

    def ask(log):
        both_ask.wait()
        return cached(tmp_path, slow, progress=log)

    logs = [Log(), Log()]
    with ThreadPoolExecutor(2) as pool:
        one, two = pool.map(ask, logs)
    assert len(extracted) == 1
    assert all(np.array_equal(a, b) for a, b in zip(one.maps, two.maps, strict=True))
    assert [log.notices for log in logs if log.notices] == [
        ["toy, tiny: features of pixels are being made by another process; waiting for it"]
    ]


def test_too_little_room_is_told_before_the_work_with_the_size(tmp_path, monkeypatch):
    monkeypatch.setattr(module.shutil, "disk_usage", lambda path: Usage(10, 9, 1))
    seen = []

    def counted():
        for batch in draw_batches():
            seen.append(batch)
            yield batch

    with pytest.raises(UserError, match=r"features of pixels take 0\.0 GB \(0\.0 MB an image\).*--cache-dir"):
        cached(tmp_path, lambda meter: (PYRAMID, counted()))
    assert len(seen) == 1
    assert list((tmp_path / "pixel_features").iterdir()) == []


def test_a_full_disk_leaves_nothing_half_written(tmp_path, monkeypatch):
    def refuse(writer, rows):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ArrayWriter, "append", refuse)
    with pytest.raises(UserError, match=r"No space left on device.*--cache-dir"):
        cached(tmp_path, extract)
    assert list((tmp_path / "pixel_features").iterdir()) == []


def test_a_place_that_is_no_folder_is_the_users_to_mend(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"file: cannot store the features of pixels of toy, tiny \(Not a directory\)"):
        cached(tmp_path / "file", extract)


def test_maps_that_are_not_finite_are_refused(tmp_path):
    def broken():
        for batch in draw_batches():
            batch.maps[1][0, 2] = float("nan")
            yield batch

    with pytest.raises(UserError, match="feature map at stride 4"):
        cached(tmp_path, lambda meter: (PYRAMID, broken()))


class Stored:
    """`records.PixelMaterial` with all images in every split; labels depend on both levels."""

    n_classes = 3
    strides = (1, 4)
    size_px = fed_px = (16, 16)
    selection = Selection.VALID

    def __init__(self, maps, labels):
        self._maps, self._labels = maps, labels

    def n_images(self, split):
        return len(self._labels)

    def maps(self, split, image):
        return [level[image] for level in self._maps]

    def labels(self, split):
        return self._labels

    def pixel_score(self, targets, predicted):
        return float(np.mean(targets == predicted))


@pytest.mark.parametrize(("loc", "scale"), [(0.0, 1.0), (50.0, 0.01), (0.0, 1e-7), (0.0, 1e6)])
def test_half_precision_changes_hardly_a_prediction(tmp_path, loc, scale):
    """Channels far from zero, tiny or huge, which plain half precision would flatten: fewer than 1 pixel in 200."""
    batches = list(draw_batches(side=16, loc=loc, scale=scale, n=8))
    single = [
        torch.cat([batch.maps[i] for batch in batches]).permute(0, 2, 3, 1).double().numpy()
        for i in range(len(PYRAMID))
    ]
    coarse = single[1].repeat(4, axis=1).repeat(4, axis=2)[..., :3]
    noise = np.random.default_rng(0).gumbel(size=single[0].shape)
    labels = ((single[0] + coarse - 2 * loc) / scale + noise).argmax(axis=-1).astype(np.uint8)
    half = cached(tmp_path, lambda meter: (PYRAMID, metered(batches, meter)), n=8).maps
    settings = LinearProbeMasksSettings(n_strengths=4)
    one, two = (linear_probe_masks(Stored(maps, labels), settings, 0).test_scores for maps in (single, half))
    assert np.mean(one == labels) > 0.5
    assert np.mean(one != two) < 0.005


def test_maps_of_another_number_of_images_are_not_taken(tmp_path):
    cached(tmp_path, extract)
    with pytest.raises(AssertionError, match="extracted again"):
        cached(tmp_path, never, n=N + 1)
