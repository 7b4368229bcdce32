"""A backbone from outside: the example package is installed, checked and run, and a file is run without installing."""

import csv
import io
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import timm
from safetensors.torch import save_file

from baselines import registry
from baselines.conformance import check_backbone
from baselines.registry import find_backbone
from command_line import harness
from geobench_files import write_dataset
from mp_mae.files.plug_ins import find_along

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "my_backbone"


@pytest.fixture
def data(tmp_path):
    """Two datasets of red and blue; green and near infrared are fed from the band next to them."""
    for name in ("a", "b"):
        write_dataset(tmp_path / "data", name, n_samples=9)
    return tmp_path / "data"


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """The example as pip installs it, offline and with nothing else, where Python finds it."""
    source = shutil.copytree(EXAMPLE, tmp_path / "source")
    target = tmp_path / "site"
    options = ("--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check", "--quiet")
    subprocess.run([sys.executable, "-m", "pip", "install", *options, "--target", target, source], check=True)
    monkeypatch.syspath_prepend(str(target))
    find_along.cache_clear()
    yield target
    find_along.cache_clear()
    registry._registered.cache_clear()
    sys.modules.pop("my_backbone", None)


def run(backbone, data, cwd, *more):
    return harness(
        "run", "--backbone", backbone, "--geobench-dir", data, "--cache-dir", cwd / "cache", "--protocols", "knn",
        "--missing-bands", "nearest", "--workers", 1, *more, cwd=cwd,
    )  # fmt: skip


def stored(cwd):
    query = "SELECT dataset, backbone, provenance->>'backbone_package' AS package FROM runs ORDER BY ALL"
    return list(csv.reader(io.StringIO(harness("sql", query, "--format", "csv", cwd=cwd).stdout)))[1:]


def test_the_example_is_installed_listed_checked_and_run(installed, data, tmp_path):
    assert "my-backbone 0.1.0" in harness("backbones", "--format", "csv", cwd=tmp_path).stdout
    checked = harness("backbones", "check", "my_backbone", cwd=tmp_path)
    assert checked.returncode == 0, checked.stdout
    done = run("my_backbone", data, tmp_path)
    assert done.returncode == 0, done.stderr
    assert stored(tmp_path) == [[name, "my_backbone", "my-backbone 0.1.0"] for name in "ab"]


def test_a_file_is_run_as_it_is_and_is_found_again_until_it_is_edited(data, tmp_path):
    shutil.copy(EXAMPLE / "my_backbone.py", tmp_path / "mine.py")
    assert run("mine.py:ENTRY", data, tmp_path).returncode == 0
    assert stored(tmp_path) == [[name, "mine.py:ENTRY", ""] for name in "ab"]
    assert "2 of 2 runs were in the leaderboard already" in run(f"{tmp_path}/mine.py:ENTRY", data, tmp_path).stderr
    text = (tmp_path / "mine.py").read_text()
    (tmp_path / "mine.py").write_text(text.replace("N_FILTERS, SIDE_PX = 64, 3", "N_FILTERS, SIDE_PX = 32, 3"))
    assert run("mine.py:ENTRY", data, tmp_path).returncode == 0
    assert len(stored(tmp_path)) == 4


def test_the_twenty_lines_of_the_page_keep_the_contract(tmp_path):
    (text,) = re.findall(
        r"```python\n(.*?def build\(weights, seed\).*?)```", (ROOT / "docs" / "your_backbone.md").read_text(), re.S
    )
    (tmp_path / "my_model.py").write_text(text)
    state = timm.create_model("convnextv2_nano", in_chans=4, num_classes=0).state_dict()
    save_file(state, tmp_path / "my_weights.safetensors")
    verdicts = check_backbone(find_backbone(f"{tmp_path}/my_model.py:build"), tmp_path / "my_weights.safetensors")
    assert [verdict for verdict in verdicts if verdict.passed is False] == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("import a_library_nobody_has", "ModuleNotFoundError: No module named 'a_library_nobody_has'"),
        ("def build(weights, seed):\n    raise OSError('no weights\\nfor you')", "OSError: no weights for you"),
        ("build = None + 1", "TypeError: unsupported operand type(s) for +: 'NoneType' and 'int'"),
    ],
)
def test_a_plug_in_that_fails_costs_its_own_runs_alone(data, tmp_path, text, told):
    (tmp_path / "mine.py").write_text(text)
    done = run("mine.py:build", data, tmp_path, "--backbone", "image_statistics")
    assert done.returncode == 1
    failures = [line for line in done.stderr.splitlines() if line.startswith("failed: ")]
    assert failures == [f"failed: mine.py:build (2 runs of knn): {told}"]
    assert stored(tmp_path) == [[name, "image_statistics", ""] for name in "ab"]
