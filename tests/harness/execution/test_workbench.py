"""Each thing is opened once per process, whether it opens or not."""

from pathlib import Path

import pytest

from baselines.entry import Entry
from geobench_files import write_dataset
from harness.data.suites import discover
from harness.errors import UserError
from harness.execution import kept
from harness.execution import workbench as module
from harness.execution.workbench import Workbench
from harness.records.job import Places
from harness.records.progress import Silent


@pytest.fixture
def bench(tmp_path):
    write_dataset(tmp_path / "data")
    (ref,) = discover(tmp_path / "data")
    return Workbench(Places(cache_dir=tmp_path / "cache", device="cpu"), Silent()), ref


def count_calls(monkeypatch, name):
    calls = []
    original = getattr(module, name)
    monkeypatch.setattr(
        module, name, lambda *arguments, **named: calls.append(arguments) or original(*arguments, **named)
    )
    return calls


def test_a_dataset_is_converted_once(bench, monkeypatch):
    workbench, ref = bench
    calls = count_calls(monkeypatch, "open_arrays")
    assert workbench.arrays(ref) is workbench.arrays(ref)
    assert len(calls) == 1


def test_a_damaged_dataset_is_not_converted_again_for_each_of_its_runs(bench, monkeypatch):
    workbench, ref = bench
    (ref.directory / "id_4.hdf5").write_bytes(b"cut")
    calls = count_calls(monkeypatch, "open_arrays")
    for _ in range(3):
        with pytest.raises(UserError, match="id_4"):
            workbench.arrays(ref)
    assert len(calls) == 1


def test_a_partition_is_read_once(bench):
    workbench, ref = bench
    assert workbench.partition(ref, "default") is workbench.partition(ref, "default")


def test_only_the_last_backbone_is_kept(bench):
    workbench, _ = bench
    first = workbench.backbone("image_statistics", None, 0)
    assert workbench.backbone("image_statistics", None, 7) is first  # no seed changes it
    workbench.backbone("random_init", None, 0)
    assert workbench.backbone("image_statistics", None, 0) is not first


def test_weights_that_fail_are_not_read_again(bench, monkeypatch):
    workbench, _ = bench
    calls, build = [], Entry.build
    monkeypatch.setattr(Entry, "build", lambda *arguments: calls.append(arguments) or build(*arguments))
    for _ in range(3):
        with pytest.raises(UserError, match=r"absent\.pth"):
            workbench.backbone("mp_mae", Path("absent.pth"), 0)
    assert len(calls) == 1


def test_of_many_features_only_the_last_stay_open():
    """Each holds files open, of which a process may have some hundred."""
    store = dict.fromkeys(range(kept.KEPT_OPEN + 3))
    assert list(kept._with_room(store)) == list(range(3, kept.KEPT_OPEN + 3))
