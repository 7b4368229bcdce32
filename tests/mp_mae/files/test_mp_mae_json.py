"""Whatever stands in a JSON file, one line says what is wrong with it, through each reader of this package."""

import os
import shutil
from pathlib import Path

import pytest

from hostile_json import HOSTILE_JSON
from mp_mae.checkpoint import load_checkpoint
from mp_mae.data.shards import _State
from mp_mae.data.statistics import read_statistics
from mp_mae.data.write import write_mmearth
from mp_mae.errors import UserError
from mp_mae.files.json_file import MAX_BYTES, read_json
from mp_mae.training.log import read_log
from mp_mae.training.state import read_state

DEMO = Path(__file__).parents[3] / "baselines" / "demo_weights" / "mp_mae"


@pytest.mark.parametrize("text", HOSTILE_JSON.values(), ids=HOSTILE_JSON)
def test_each_reader_refuses_hostile_json_in_one_line(tmp_path, text):
    for name in ("config.json", "state.json", "world.json", "other.json"):
        (tmp_path / name).write_bytes(text)
    (tmp_path / "log.jsonl").write_bytes(text + b"\n")
    shutil.copy(DEMO / "model.safetensors", tmp_path)
    for read in (
        lambda: load_checkpoint(tmp_path),
        lambda: read_state(tmp_path),
        lambda: write_mmearth(tmp_path, 0, 1),
        lambda: read_statistics(tmp_path / "other.json", {}),
        lambda: read_log(tmp_path / "log.jsonl"),
    ):
        with pytest.raises(UserError) as caught:
            read()
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 400


@pytest.mark.parametrize("text", [*HOSTILE_JSON.values(), b"[]", b"{}", b'{"source": 1, "done": "x"}'])
def test_a_damaged_note_of_progress_means_a_new_copy(tmp_path, text):
    (tmp_path / "source.h5").touch()
    (tmp_path / "progress.json").write_bytes(text)
    assert _State(tmp_path / "progress.json", tmp_path / "source.h5").tiles_done() is None


def test_a_file_that_never_ends_or_is_too_large_is_refused_unread(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UserError, match=r"pipe: wanted a regular file of at most \d+ bytes; found another thing\. Go"):
        read_json(tmp_path / "pipe", "Go")
    (tmp_path / "large").touch()
    os.truncate(tmp_path / "large", MAX_BYTES + 1)
    with pytest.raises(UserError, match=f"found {MAX_BYTES + 1} bytes"):
        read_json(tmp_path / "large", "Go")
    with pytest.raises(UserError, match=r"none: is missing\. Go"):
        read_json(tmp_path / "none", "Go")
