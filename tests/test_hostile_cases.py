"""Hostile and damaged inputs on which the project once failed: each of those scripts now ends as it should."""

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from command_line import harness
from harness.demo.build import ensure_demo_suite
from harness.demo.tasks import TASKS
from harness.records.progress import Silent
from scripted_cases import TRACEBACK, run_hostile

pytestmark = [pytest.mark.slow, pytest.mark.cases]

MEASURED = re.compile(r"(?m)^(\S+) +\d+ B +([\d.]+)s peak ([\d.]+) GB  (.*)$")
"""A line of the scripts that measure: name, seconds, memory, what came of it."""

HDF5_REFUSED = """
external_storage_passwd external_storage_passwd_same_shape external_storage_fifo external_storage_devzero
external_link_other external_link_passwd external_link_fifo soft_link_loop virtual_other declared_2^28_f8_all_bands
declared_2^28_u1_one_band declared_2^28_f8_one_band declared_1e12 declared_2^62 gzip_bomb_2^28 object_refs vlen_str
float128 group_for_band named_type_for_band attr_paren_1e6 attr_minus_1e6 attr_plus_1e5 attr_not_1e6 attr_list_1e5
attr_concat_bytes attr_30MB attr_int_1e6 attr_bracket_tuple attr_shape_1e9 attr_nul label_2^2030 unknown_filter enum
""".split()  # noqa: SIM905
HDF5_READ = ["chunk_3GB", "lzf"]
PICKLES = """
state_100k state_1M frombuffer_1M n_classes_1e10 n_classes_2^2000 gsd_huge wavelength_huge binunicode8 long4
nested_tuple_1e6 nested_list_1e6 nested_record_3e5 laughs self_ref_record
""".split()  # noqa: SIM905


def measured(script: str, name: str, work: Path) -> tuple[float, float, str]:
    """Seconds, GB and what came of one case."""
    ended = run_hostile(script, work, name)
    found = MEASURED.search(ended.said)
    assert found, f"exit status {ended.code}: {ended.said}"
    return float(found[2]), float(found[3]), found[4]


@pytest.mark.parametrize("name", HDF5_REFUSED)
def test_an_hdf5_sample_that_reaches_out_or_asks_too_much_is_refused(name, tmp_path):
    seconds, gigabytes, result = measured("hdf5/make.py", name, tmp_path)
    assert result.startswith("UserError: benv2-mini/id_0000.hdf5: "), result
    assert (seconds < 10, gigabytes < 0.5) == (True, True), (seconds, gigabytes)


@pytest.mark.parametrize("name", HDF5_READ)
def test_an_unusual_but_sound_hdf5_sample_is_read(name, tmp_path):
    assert measured("hdf5/make.py", name, tmp_path)[2].startswith("ACCEPTED (14, 120, 120) float32")


@pytest.mark.parametrize("name", PICKLES)
def test_a_pickle_that_asks_too_much_is_refused(name, tmp_path):
    seconds, gigabytes, result = measured("pickle_bombs/make.py", name, tmp_path)
    assert result.startswith(f"UserError: {name}/task_specs.pkl: "), result
    assert (seconds < 25, gigabytes < 1) == (True, True), (seconds, gigabytes)


CHECKPOINTS_REFUSED = """
evil_pickle evil_args path_traversal torchscript zip_bomb_4GB utf8_bad_name lzma_garbled sparse quantised meta_tensor
complex nan_weights inf_weights bands_ints bands_tensors bands_dup bands_nested epoch_hugeint
content_tensor size_1e9 patch_1e9 patch_true bands_1e6 bands_dict bands_none bands_empty bands_dups
size_surrogate st_hdr_2^63 st_hdr_big st_overlap st_shape_huge st_negative st_dtype st_deep
st_trailing st_truncated
""".split()  # noqa: SIM905
CHECKPOINTS_READ = ["ok", "float64"]
CHECKPOINTS_EITHER = """
legacy_pickle deflated float8 expanded_stride0 epoch_nan keys_nonstr unknown_keys_nested training_bad args_attrs args_no
bands_ansi bands_surrogate fv_true normalisation_bad
""".split()  # noqa: SIM905
"""Harmless, and read or refused in one line."""


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory) -> dict[str, str]:
    """What came of each checkpoint, by name. One that ends its process is left out, and another goes on after it."""
    work = tmp_path_factory.mktemp("checkpoints")
    names, found = [*CHECKPOINTS_REFUSED, *CHECKPOINTS_READ, *CHECKPOINTS_EITHER], {}
    while names:
        ended = run_hostile("ckpt/make.py", work, *names)
        lines = [line for line in ended.said.splitlines() if line.partition(" ")[0] in names]
        found |= {line.partition(" ")[0]: line for line in lines}
        names = names[len(lines) + 1 :]
    assert list(work.rglob("PWNED*")) == [], "something of a checkpoint was run, or a file written where it named one"
    return found


def outcome(checkpoints: dict[str, str], name: str) -> str:
    """What came of a checkpoint; in time and without much memory."""
    assert name in checkpoints, "it ended the process, or took more than a minute"
    line = checkpoints[name]
    if "NOT MADE" in line:
        pytest.skip(f"this torch cannot write it: {line}")
    measured = re.match(r"\S+ +([\d.]+)s \+([\d.]+)GB (.*)", line)
    assert measured, line
    assert (float(measured[1]) < 20, float(measured[2]) < 0.5) == (True, True), line
    return measured[3]


@pytest.mark.parametrize("name", CHECKPOINTS_REFUSED)
def test_a_hostile_or_damaged_checkpoint_is_refused(name, checkpoints):
    assert outcome(checkpoints, name).startswith("UserError ")


@pytest.mark.parametrize("name", CHECKPOINTS_READ)
def test_a_sound_checkpoint_is_read(name, checkpoints):
    assert outcome(checkpoints, name).startswith("ACCEPTED ")


@pytest.mark.parametrize("name", CHECKPOINTS_EITHER)
def test_an_unusual_checkpoint_is_read_or_refused(name, checkpoints):
    assert outcome(checkpoints, name).startswith(("ACCEPTED ", "UserError "))


def test_a_label_of_two_thousand_bits_is_refused(tmp_path):
    """The script wants the demo suite in the home directory; one sample of it is enough."""

    task = replace(TASKS["demo-climate"], sizes={"train": 5, "valid": 5, "test": 5})
    ensure_demo_suite(tmp_path / "home/.cache/mp-mae-bench/demo-suite-1.1", 0, Silent(), tasks=[task], processes=1)
    ended = run_hostile("label_huge/make.py", tmp_path)
    assert ended.said.startswith("UserError demo-climate/"), ended.said
    assert len(ended.said.splitlines()) == 1


def test_no_json_takes_a_reader_by_surprise(tmp_path):
    ended = run_hostile("deep_json/try.py", tmp_path)
    assert TRACEBACK not in ended.said, ended.said
    assert [line for line in ended.said.splitlines() if "FAULT" in line] == []
    assert len(ended.said.splitlines()) == 120


def test_damaged_arrays_and_features_are_made_anew(tmp_path):
    ended = run_hostile("cache_corrupt/try.py", tmp_path)
    assert TRACEBACK not in ended.said, ended.said
    bad = ("SILENTLY WRONG", "FAULT", "NOT MADE", "USED AS IS", "STALE")
    lines = [line for line in ended.said.splitlines() if any(word in line for word in bad)]
    assert [line for line in lines if not line.startswith("edited, size and mtime kept")] == []


@pytest.mark.parametrize("script", ["lb/hostile.py", "lb_view_case/make.py"])
def test_a_leaderboard_from_a_stranger_reads_no_file_and_no_error_is_a_surprise(script, patches, tmp_path):
    board = tmp_path / "f.duckdb"
    filled = harness(
        "run", "--backbone", "image_statistics", "--geobench-dir", patches, "--protocols", "knn", "--db", board,
        "--cache-dir", tmp_path / "cache", cwd=tmp_path,
    )  # fmt: skip
    assert filled.returncode == 0, filled.stderr
    ended = run_hostile(script, tmp_path, "OUT")
    assert TRACEBACK not in ended.said, ended.said
    assert "TOP-SECRET-LINE" not in ended.said
    assert "root:x:0:0" not in ended.said
    assert "G-/" not in ended.said, "the home directory"
    assert [line for line in ended.said.splitlines() if "FAULT" in line] == []


def test_a_killed_save_leaves_an_encoder_and_the_next_save_nothing_else(tmp_path):
    ended = run_hostile("encoder_kill/loop.py", tmp_path)
    assert re.search(r"(?m)^kills \d+ \{\}$", ended.said), ended.said
    assert re.search(r"(?m)^after one more save, left 0$", ended.said), ended.said


def test_no_amount_of_free_room_is_a_surprise(tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", small], capture_output=True, check=False
    )  # fmt: skip
    if mounted.returncode:
        pytest.skip("only root can mount a small disk")
    try:
        ended = run_hostile("disk_sweep/sweep.py", tmp_path)
    finally:
        subprocess.run(["umount", small], check=True)
    assert TRACEBACK not in ended.said, ended.said
    bad = ("FAULT", "LEFT", "lost", "unreadable")
    assert [line for line in ended.said.splitlines() if any(word in line for word in bad)] == []
    missing = re.findall(r"after replay: missing (\d+)", ended.said)
    assert missing == ["0"], ended.said
