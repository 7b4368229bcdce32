"""`cache list` and `cache prune`: what was not used for longest goes first, what is in use never."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from command_line import harness
from harness.errors import UserError
from harness.records.progress import Silent
from harness.show.quantities import parse_size
from harness.store import upkeep
from harness.store.entry import open_entry
from harness.store.kinds import ARRAYS, FEATURES, Place
from harness.store.upkeep import State, list_entries, prune

ROOT = Path(__file__).parents[3]


def fill(cache_dir, key, kind=FEATURES, n=1000, used=None):
    """An entry of about n bytes, last used so many seconds after 1970. Returns what holds it in use."""
    place = Place(cache_dir=cache_dir, kind=kind, key=key, title=f"title of {key}")

    def make(writer):
        writer.write("values.npy", np.zeros(n, np.uint8))
        return {}

    entry = open_entry(place, lambda entry: entry, make, Silent())
    if used is not None:
        os.utime(place.directory / "used", (used, used))
    return entry


def titles(entries):
    return [entry.title for entry in entries]


def test_entries_are_listed_with_size_time_and_whether_they_are_in_use(tmp_path):
    fill(tmp_path, "old", used=100)
    held = fill(tmp_path, "suite/young", kind=ARRAYS, n=5000, used=200)
    young, old = list_entries(tmp_path)
    assert (young.title, young.kind, young.state) == ("title of suite/young", ARRAYS, State.IN_USE)
    assert (old.title, old.kind, old.state) == ("title of old", FEATURES, State.READY)
    assert 5000 < young.n_bytes < 6000
    assert (old.last_used, young.last_used) == (datetime.fromtimestamp(100, UTC), datetime.fromtimestamp(200, UTC))
    del held
    assert list_entries(tmp_path)[0].state is State.READY


def test_opening_an_entry_is_use(tmp_path):
    fill(tmp_path, "old", used=100)
    fill(tmp_path, "older", used=50)
    fill(tmp_path, "older")
    assert titles(list_entries(tmp_path)) == ["title of older", "title of old"]


def test_what_was_not_used_for_longest_goes_first_until_the_rest_fits(tmp_path):
    for key, used in (("b", 200), ("d", 400), ("a", 100), ("c", 300)):
        fill(tmp_path, key, used=used)
    each = list_entries(tmp_path)[0].n_bytes
    pruned = prune(tmp_path, 2 * each)
    assert titles(pruned.removed) == ["title of a", "title of b"]
    assert titles(list_entries(tmp_path)) == ["title of d", "title of c"]
    assert prune(tmp_path, 2 * each).removed == ()
    assert sorted(path.name for path in (tmp_path / "features").iterdir()) == ["c", "d"]


def test_what_is_in_use_stays_whatever_the_size(tmp_path):
    held = fill(tmp_path, "used", used=100)
    fill(tmp_path, "unused", used=200)
    pruned = prune(tmp_path, 0)
    assert titles(pruned.removed) == ["title of unused"]
    assert titles(pruned.kept) == ["title of used"]
    assert held.array("values.npy").shape == (1000,)


def test_what_another_process_uses_stays(tmp_path):
    fill(tmp_path, "key", used=100)
    script = (
        "import sys; from pathlib import Path; from harness.store.entry import find_entry;"
        "from harness.store.kinds import FEATURES, Place;"
        "place = Place(cache_dir=Path(sys.argv[1]), kind=FEATURES, key='key', title='');"
        "entry = find_entry(place, lambda entry: entry); print('using', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", script, tmp_path]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as user:
        assert user.stdout.readline() == b"using\n"
        assert titles(prune(tmp_path, 0).kept) == ["title of key"]
        user.kill()
    assert titles(prune(tmp_path, 0).removed) == ["title of key"]


def test_entries_of_other_versions_and_their_leftovers_are_removed(tmp_path):
    kept = fill(tmp_path, "key")
    (tmp_path / "arrays" / "suite" / "toy-0123").mkdir(parents=True)
    (tmp_path / "arrays" / "suite" / "toy-0123" / "meta.json").write_text("{}")
    (tmp_path / "arrays" / "suite" / "toy-0123.lock").write_text("")
    (tmp_path / "features" / "0123.npy").write_bytes(b"x" * 500)
    (tmp_path / "features" / "0123.json").write_text("{}")
    (tmp_path / "features" / "tmpabcd.tmp").write_text("")
    (tmp_path / "pixel_features" / "tmpabcd.partial").mkdir(parents=True)
    (tmp_path / "demo-suite-1.1" / "demo" / ".demo-climate-abcd").mkdir(parents=True)
    manifest = json.loads((tmp_path / "features" / "key" / "manifest.json").read_bytes())
    (tmp_path / "features" / "other").mkdir()
    (tmp_path / "features" / "other" / "manifest.json").write_text(json.dumps(manifest | {"sha256": ""}))
    assert {entry.state for entry in list_entries(tmp_path)} == {State.IN_USE, State.UNUSABLE}
    pruned = prune(tmp_path, None)
    assert sorted(titles(pruned.removed)) == ["0123.json", "0123.npy", "other", "tmpabcd.tmp", "toy-0123"]
    assert pruned.n_leftovers == 3
    files = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    assert files == [f"features/key/{name}" for name in ("manifest.json", "used", "values.npy")]
    assert not list((tmp_path / "demo-suite-1.1" / "demo").iterdir())
    assert kept.facts == {}


def test_an_entry_that_cannot_be_read_is_listed_and_hinders_no_other(tmp_path):
    fill(tmp_path, "key")
    fill(tmp_path, "refused")
    manifest = tmp_path / "features" / "refused" / "manifest.json"
    manifest.unlink()
    manifest.symlink_to(manifest)  # which the system refuses to open, to whomever
    listed = harness("cache", "list", "--cache-dir", tmp_path, "--format", "json", cwd=tmp_path)
    assert {row["title"]: row["state"] for row in json.loads(listed.stdout)} == {
        "title of key": "ready",
        "refused": "unreadable",
    }
    pruned = harness("cache", "prune", "--cache-dir", tmp_path, "--max-size", "0", cwd=tmp_path)
    assert pruned.stdout.startswith("removed features of title of key")
    assert "left alone: features/refused cannot be read (Too many levels of symbolic links)" in pruned.stderr
    assert [path.name for path in (tmp_path / "features").iterdir()] == ["refused"]


def test_what_another_prune_removed_meanwhile_counts_as_gone(tmp_path, monkeypatch):
    for key, used in (("a", 100), ("b", 200)):
        fill(tmp_path, key, used=used)
    entries = list_entries(tmp_path)
    prune(tmp_path, entries[0].n_bytes)
    monkeypatch.setattr(upkeep, "list_entries", lambda cache_dir: entries)
    pruned = prune(tmp_path, entries[0].n_bytes)
    assert (titles(pruned.removed), titles(pruned.kept)) == ([], ["title of b"])


def test_an_entry_without_its_stamp_is_unusable_and_removed(tmp_path):
    fill(tmp_path, "key")
    (tmp_path / "features" / "key" / "used").unlink()
    assert [entry.state for entry in list_entries(tmp_path)] == [State.UNUSABLE]
    assert titles(prune(tmp_path, None).removed) == ["key"]


def test_a_manifest_that_a_killed_process_was_writing_is_removed(tmp_path):
    fill(tmp_path, "key")
    leftover = tmp_path / "features" / "key" / "manifest.json.1-0123.new"
    leftover.write_text("{")
    pruned = prune(tmp_path, None)
    assert (pruned.n_leftovers, titles(pruned.kept)) == (1, ["title of key"])
    assert not leftover.exists()


@pytest.mark.parametrize(
    ("text", "n_bytes"),
    [
        ("0", 0),
        ("1000", 1000),
        ("100GB", 10**11),
        ("1.5 TB", 1_500_000_000_000),
        ("500mb", 5 * 10**8),
        ("2k", 2000),
        ("3B", 3),
    ],
)
def test_sizes_are_read_as_people_write_them(text, n_bytes):
    assert parse_size("--max-size", text) == n_bytes


@pytest.mark.parametrize("text", ["", "GB", "-1", "1e9", "ten", "1 GiB", "1GB 2", "٣GB", "9" * 30])
def test_what_is_no_size_is_said(text):
    with pytest.raises(UserError, match="--max-size: expected a size such as 100GB"):
        parse_size("--max-size", text)


def test_the_commands_say_what_is_there_and_what_they_did(tmp_path):
    fill(tmp_path, "key", n=2_000_000)
    cache = ("--cache-dir", tmp_path)
    listed = harness("cache", "list", *cache, cwd=tmp_path)
    assert "title of key" in listed.stdout
    assert "2 MB" in listed.stdout
    (row,) = json.loads(harness("cache", "list", *cache, "--format", "json", cwd=tmp_path).stdout)
    assert (row["kind"], row["state"], row["path"]) == ("features", "ready", str(tmp_path / "features" / "key"))
    assert row["bytes"] > 2_000_000
    kept = harness("cache", "prune", *cache, cwd=tmp_path)
    assert (kept.stdout, kept.stderr) == ("", "0 B freed; 2 MB in 1 entries left\n")
    pruned = harness("cache", "prune", *cache, "--max-size", "1MB", cwd=tmp_path)
    assert pruned.stdout == "removed features of title of key (2 MB, ready)\n"
    assert pruned.stderr == "2 MB freed; 0 B in 0 entries left\n"
    wrong = harness("cache", "prune", *cache, "--max-size", "much", cwd=tmp_path)
    assert wrong.returncode == 2
