"""`--cache-limit`: what was not used for longest makes way before more is written, and what is in use never."""

import os
import threading

import numpy as np
import pytest

from harness.errors import UserError
from harness.records.progress import Silent
from harness.store import room
from harness.store.entry import open_entry
from harness.store.kinds import ARRAYS, FEATURES, Place
from harness.store.leftovers import lock_file, partial_folder
from harness.store.locks import locked
from harness.store.upkeep import list_entries

SIZE = 1_000_000
LIMIT = 3_500_000


def fill(cache_dir, key, kind=FEATURES, limit=LIMIT, n=SIZE, progress=None):
    """An entry of n bytes in two arrays. Returns what holds it in use."""

    def make(writer):
        for name in ("one", "other"):
            with writer.array(name, (n // 2,), np.dtype(np.uint8)) as array:
                assert limit is None or taken(cache_dir) + n // 2 <= limit, "room is made before an array is written"
                array.append(np.zeros(n // 2, np.uint8))
        return {}

    place = Place(cache_dir=cache_dir, kind=kind, key=key, title=f"title of {key}", limit=limit)
    return open_entry(place, lambda entry: entry, make, progress or Silent())


def taken(cache_dir):
    return sum(path.stat().st_size for path in cache_dir.rglob("*") if path.is_file())


def keys(cache_dir):
    return {entry.directory.name for entry in list_entries(cache_dir)}


def test_what_was_not_used_for_longest_makes_way(tmp_path):
    for key, used in (("a", 300), ("b", 100), ("c", 200)):
        fill(tmp_path, key)
        os.utime(tmp_path / "features" / key / "used", (used, used))
    fill(tmp_path, "d")
    assert keys(tmp_path) == {"a", "c", "d"}
    fill(tmp_path, "suite/e", kind=ARRAYS)
    assert keys(tmp_path) == {"a", "d", "e"}
    assert taken(tmp_path) <= LIMIT
    assert not list(tmp_path.rglob("claim"))


def test_without_a_limit_everything_stays(tmp_path):
    for key in "abcde":
        fill(tmp_path, key, limit=None)
    assert keys(tmp_path) == set("abcde")


def test_one_that_is_too_large_by_itself_is_refused_and_nothing_else_goes_wrong(tmp_path):
    with pytest.raises(
        UserError, match=r"title of a: features take 0\.00401 GB; the cache may take 0\.0035 GB\. Pass"
    ) as told:
        fill(tmp_path, "a", n=4 * SIZE)
    assert str(told.value).endswith("--cache-limit 5MB or more")
    assert taken(tmp_path) == 0
    fill(tmp_path, "b")
    assert keys(tmp_path) == {"b"}


def test_what_this_command_uses_is_counted_in_the_refusal(tmp_path):
    held = fill(tmp_path, "a", n=2 * SIZE)
    with pytest.raises(UserError, match=r"title of b: features take .* beside 0\.002 GB that this command uses"):
        fill(tmp_path, "b", n=2 * SIZE)
    assert keys(tmp_path) == {"a"}
    del held
    fill(tmp_path, "b", n=2 * SIZE)
    assert keys(tmp_path) == {"b"}


@pytest.fixture
def others(monkeypatch):
    """As if all that is in use were used by other commands."""
    monkeypatch.setattr(room, "is_held_here", lambda path: False)
    monkeypatch.setattr(room, "LOOK_SECONDS", 0.01)


class Heard(Silent):
    def __init__(self, then):
        self.notices, self._then = [], then

    def notice(self, message):
        self.notices.append(message)
        self._then()


def test_what_other_commands_use_is_waited_for(tmp_path, others):
    held = [fill(tmp_path, "a", n=2 * SIZE)]
    heard = Heard(held.clear)
    fill(tmp_path, "b", n=2 * SIZE, progress=heard)
    assert heard.notices == ["title of b: features wait for room in the cache, which other commands use"]
    assert keys(tmp_path) == {"b"}


def test_waiting_has_an_end(tmp_path, others, monkeypatch):
    monkeypatch.setattr(room, "WAIT_SECONDS", 0.05)
    held = fill(tmp_path, "a", n=2 * SIZE)
    with pytest.raises(UserError, match="no room within --cache-limit for an hour"):
        fill(tmp_path, "b", n=2 * SIZE)
    assert held.array("one").shape == (SIZE,)


def test_what_others_are_making_counts_as_they_claimed_it(tmp_path, others):
    place = Place(cache_dir=tmp_path, kind=FEATURES, key="other", title="")
    done, claimed = threading.Event(), threading.Event()

    def make_slowly():
        with locked(lock_file(place.directory), lambda: None):
            partial_folder(place.directory).mkdir()
            (partial_folder(place.directory) / "claim").write_text(str(2 * SIZE))
            claimed.set()
            done.wait(60)
            partial_folder(place.directory).rename(place.directory)  # unusable, so the next one removes it

    thread = threading.Thread(target=make_slowly)
    thread.start()
    claimed.wait(60)
    heard = Heard(done.set)
    fill(tmp_path, "b", n=2 * SIZE, progress=heard)
    thread.join()
    assert len(heard.notices) == 1
    assert keys(tmp_path) == {"b"}
