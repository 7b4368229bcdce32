"""What a run will read is told before it starts."""

import numpy as np
import pytest

from geobench_files import BLUE, RED, write_mask_dataset
from harness.campaign import plan
from harness.campaign.plan import build_plan
from harness.campaign.reading_cost import bytes_read
from harness.campaign.request import make_request
from harness.execution.workbench import Workbench
from harness.records.job import Places
from harness.records.progress import Silent


@pytest.mark.parametrize("size", [None, 14])
@pytest.mark.parametrize("backbone", ["random_init", "image_statistics"])
def test_the_plan_says_how_much_a_probe_reads_of_the_features_there_will_be(tmp_path, monkeypatch, backbone, size):
    rng = np.random.default_rng(0)
    splits = {
        split: {
            "pixels": rng.integers(0, 10_000, (n, 2, 24, 24)).astype(np.uint16),
            "masks": rng.integers(0, 3, (n, 24, 24)).astype(np.uint8),
        }
        for split, n in (("train", 8), ("valid", 2), ("test", 2))
    }
    write_mask_dataset(tmp_path / "data", splits, [BLUE, RED], ["a", "b", "c"])
    bench = Workbench(Places(cache_dir=tmp_path / "cache", device="cpu"), Silent())
    request = make_request(
        backbones=[backbone], weights=[], geobench_dir=tmp_path / "data", datasets=(), protocols=["conv_probe", "knn"],
        partitions=("default",), seeds=[0], train_draw="partition", selection="valid", trials=0, shots=[], budgets=[],
        missing_bands="nearest", db=tmp_path / "board.duckdb", cache_dir=tmp_path / "cache", device="cpu",
        input_size=size,
    )  # fmt: skip
    line = build_plan(request, bench, convert=True)[0]
    assert "reads about" not in line.reason, "so little is not worth a word"
    told = []
    monkeypatch.setattr(plan, "WORTH_TELLING", 0)
    monkeypatch.setattr(plan, "bytes_read", lambda *given: told.append(bytes_read(*given)) or told[-1])
    line = build_plan(request, bench, convert=True)[0]
    assert "conv_probe reads about 0 GB of stored features" in line.reason
    image_bytes = sum(level[0].nbytes for level in bench.pixel_features(line.job).maps)
    assert told[0] == image_bytes * (1 + 8 + 8 + 10 * 2 + 2)
