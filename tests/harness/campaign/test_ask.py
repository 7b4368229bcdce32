"""What nobody said follows from the data that are asked for; wrong words are one error before any data is touched."""

from pathlib import Path

import pytest

from command_line import harness
from geobench_files import write_dataset
from harness.campaign.ask import ask
from harness.campaign.defaults import COMPANIONS, DEMO, REAL
from harness.data.sources.source import SIMULATED_FILE
from harness.errors import UserError


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """`ours`, and `simulated`, which is of the demo suite."""
    root = tmp_path / "data"
    write_dataset(root, "ours")
    (root / "demo").mkdir()
    directory = write_dataset(root, "simulated").rename(root / "demo" / "simulated")
    (directory / SIMULATED_FILE).write_text("{}")
    return root


SEVERAL = ("image_statistics", "spectral_indices")


def asked(data: Path, *datasets: str, backbones=SEVERAL, demo: bool = False, partitions=None):
    return ask(
        backbones=backbones, geobench_dir=data, datasets=datasets, demo=demo, partitions=partitions,
        weights=[], db=data / "x.duckdb", cache_dir=data / "cache", device="cpu",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("datasets", "expected"),
    [(("simulated",), DEMO), (("demo/simulated",), DEMO), (("ours",), REAL), (("ours", "simulated"), REAL), ((), REAL)],
)
def test_defaults_are_those_of_the_suite_that_is_asked_for(data: Path, datasets, expected) -> None:
    request = asked(data, *datasets)
    (block,) = request.blocks
    assert (block.protocols, block.partitions, request.seeds, request.train_draw, request.selection) == (
        expected.protocols, expected.partitions, expected.seeds, expected.train_draw, expected.select
    )  # fmt: skip


def test_one_backbone_has_companions_on_the_demo_suite_wherever_it_lies(data: Path) -> None:
    assert asked(data, "simulated", backbones=["mp_mae"]).backbones == ("mp_mae", *COMPANIONS)
    assert asked(data, "ours", backbones=["mp_mae"]).backbones == ("mp_mae",)


def test_a_partition_that_no_dataset_has_is_refused_with_the_nearest(data: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"unknown partition '0.10'. There are: default"):
        asked(data, partitions=("default", "0.10"))
    assert asked(data, partitions=("all",)).blocks[0].partitions == ("all",)
    with pytest.raises(UserError, match=r"unknown partition '0.10'. Did you mean 0.10x_train\?"):
        asked(tmp_path / "to be built", demo=True, partitions=("0.10",))
    assert asked(tmp_path / "not there", partitions=("fold1",)).blocks[0].partitions == ("fold1",)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "name what to evaluate: --backbone NAME"),
        (["--backbone", "mp_mea"], "Did you mean mp_mae?"),
        (["--backbone", "mp_mae", "--weights", "/none"], "--weights /none: no such file or folder"),
        (["--backbone", "mp_mae", "--partitions", "0.10"], "Did you mean 0.10x_train?"),
        (["--backbone", "mp_mae", "--datasets", "demo-climat"], "Did you mean demo-climate?"),
        (["--preset", "foo"], "unknown preset 'foo'"),
        (["--backbone", "mp_mae", "--protocols", "knn", "--set", "knn.kk=3"], "no setting 'kk'"),
        (["--backbone", "mp_mae", "--geobench-dir", "none"], "no GEO-Bench data: none"),
    ],
)
def test_wrong_words_are_one_error_before_any_data_is_touched(
    words: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("GEO_BENCH_DIR", raising=False)
    refused = harness("run", *words, "--cache-dir", "cache", cwd=tmp_path)
    assert refused.returncode == 2
    assert refused.stderr.startswith("error: ")
    assert refused.stderr.count("\n") == 1
    assert told in refused.stderr
    assert list(tmp_path.iterdir()) == []
