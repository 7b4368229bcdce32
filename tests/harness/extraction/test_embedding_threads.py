"""Embedding on several threads gives what one gives, to the bit, and in order."""

import numpy as np
import pytest
import torch

from command_line import harness
from geobench_files import write_dataset
from harness.extraction import batches
from harness.store.manifest import read_manifest


@pytest.fixture(autouse=True)
def threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_features_do_not_depend_on_the_number_of_threads(tmp_path, monkeypatch):
    write_dataset(tmp_path / "data", n_samples=12)
    monkeypatch.setattr(batches, "MOST_ON_CPU", 2)
    found = []
    for count in (1, 3):
        torch.set_num_threads(count)
        cache = tmp_path / f"cache{count}"
        done = harness(
            "run", "--backbone", "random_init_demo", "--geobench-dir", tmp_path / "data", "--protocols", "knn",
            "--missing-bands", "zero", "--cache-dir", cache, "--db", f"{count}.duckdb", "--device", "cpu", cwd=tmp_path,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        (entry,) = (cache / "features").iterdir()
        facts = read_manifest(entry).facts
        found.append((entry.name, np.load(entry / "vectors.npy").tobytes(), facts["network_input"]))
    assert found[0] == found[1]


def test_work_is_done_in_order_by_threads_that_compute_alone_and_the_setting_comes_back():
    torch.set_num_threads(3)
    seen = list(batches._ordered(lambda item: (item, torch.get_num_threads()), range(20), 3))
    assert seen == [(item, 1) for item in range(20)]
    assert torch.get_num_threads() == 3


def test_what_fails_on_a_thread_fails_here():
    def work(item):
        if item == 5:
            raise ValueError("five")
        return item

    torch.set_num_threads(2)
    done = batches._ordered(work, range(20), 2)
    assert [next(done) for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(ValueError, match="five"):
        next(done)
    assert torch.get_num_threads() == 2
