"""Whatever stands in a JSON file, one line says what is wrong with it, through each reader of this package."""

import os

import pytest

from geobench_files import read_dataset, write_dataset
from harness.data.files.budgets import JSON_BYTES
from harness.data.files.json_file import parse_json, read_json, read_json_object
from harness.demo.new_directory import is_there
from harness.errors import UserError
from harness.execution.tuning import _check_journal
from hostile_json import HOSTILE_JSON

HOSTILE = pytest.mark.parametrize("text", HOSTILE_JSON.values(), ids=HOSTILE_JSON)


@HOSTILE
def test_each_reader_of_dataset_files_refuses_hostile_json_in_one_line(tmp_path, text):
    directory = write_dataset(tmp_path)
    for name in ("default_partition.json", "band_stats.json", "demo.json"):
        (directory / name).write_bytes(text)
    dataset = read_dataset(tmp_path)
    for read in (
        lambda: dataset.partition("default"),
        dataset.band_statistics,
        lambda: is_there(directory, {"task": 1}),
        lambda: read_json_object(directory / "demo.json", "x"),
        lambda: parse_json(text, "x"),
    ):
        with pytest.raises(UserError) as caught:
            read()
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 300


@HOSTILE
def test_a_hostile_line_in_a_study_is_refused(tmp_path, text):
    if not text:
        return  # a new study
    journal = tmp_path / "study.log"
    journal.write_bytes(text + b"\n")
    with pytest.raises(UserError, match=r"study\.log: not a study, or a damaged one"):
        _check_journal(journal)


def test_what_is_wrong_is_said():
    for text, said in (
        ("[" * 100_000, "nested too deeply"),
        ("1" * 5_000, "4300 digits"),
        (b'"\xff"', "can't decode byte 0xff"),
        ("{", "Expecting property name"),
    ):
        with pytest.raises(UserError, match=rf"^x: is not JSON \(.*{said}.*\)\. Download the file again$"):
            parse_json(text, "x")


def test_a_file_that_never_ends_or_is_too_large_is_refused_unread(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UserError, match="a regular file is wanted, a named pipe found"):
        read_json(tmp_path / "pipe", "x")
    with pytest.raises(UserError, match="a regular file is wanted, a directory found"):
        read_json(tmp_path, "x")
    (tmp_path / "large").touch()
    os.truncate(tmp_path / "large", JSON_BYTES + 1)
    with pytest.raises(UserError, match=f"has {JSON_BYTES + 1} bytes; at most {JSON_BYTES} are read"):
        read_json(tmp_path / "large", "x")
    with pytest.raises(UserError, match=r"cannot be read \(No such file"):
        read_json(tmp_path / "none", "x")
