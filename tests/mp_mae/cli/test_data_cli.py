"""`python -m mp_mae data`: what is fetched, what is told, and what it exits with."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from described_mmearth import write_described
from mp_mae.cli.app import main
from published_place import Fault, Place

ROOT = Path(__file__).parents[3]
NAME = "data_100k_v001"


@pytest.fixture
def place(tmp_path):
    """Publishes a small dataset under the names of the 100,000 tiles."""
    written = write_described(tmp_path / "written" / NAME, n=20, side=8)
    (written / f"{NAME}_tile_info.json").write_text("{}")
    with Place({f"/{path.name}": path.read_bytes() for path in written.iterdir()}) as place:
        yield place


def test_a_dataset_is_downloaded_verified_and_not_fetched_twice(place, tmp_path, capsys):
    out = tmp_path / "out"
    command = ["data", "download", "mmearth100k", "--out", str(out), "--base-url", place.url]
    assert main(command) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith(f"mmearth100k: {out / NAME} (")
    assert "CC BY 4.0" in printed.out
    assert sorted(path.name for path in (out / NAME).iterdir()) == [
        "data_100k_v001.h5",
        "data_100k_v001_band_stats.json",
        "data_100k_v001_splits.json",
        "data_100k_v001_tile_info.json",
    ]
    n_requests = len(place.requests)
    assert main(command) == 0
    assert "is there already" in capsys.readouterr().out
    assert len(place.requests) == n_requests
    assert main(["data", "verify", str(out / NAME)]) == 0
    assert "20 tiles read; means and deviations of 58 bands are within 0.1 std" in capsys.readouterr().out


def test_a_cut_connection_is_told_and_the_command_ends_well(place, tmp_path, capsys):
    place.faults[f"/{NAME}.h5"] = [Fault(), Fault(cut=1000)]
    assert main(["data", "download", "mmearth100k", "--out", str(tmp_path / "out"), "--base-url", place.url]) == 0
    assert "note: data_100k_v001.h5: the connection ended after 1,000 of " in capsys.readouterr().err


def test_what_failed_is_told_and_the_others_are_fetched(place, tmp_path, capsys):
    del place.files[f"/{NAME}_splits.json"]
    place.files["/pt-S2_atto_1M_64_uncertainty_56-8/checkpoint-199.pth"] = b"weights"
    names = "mmearth100k,pt-S2_atto_1M_64_uncertainty_56-8"
    assert main(["data", "download", names, "--out", str(tmp_path / "out"), "--base-url", place.url]) == 2
    printed = capsys.readouterr()
    assert "data_100k_v001_splits.json: is not there (404 Not Found)" in printed.err
    assert printed.out.startswith("pt-S2_atto_1M_64_uncertainty_56-8: ")
    assert not (tmp_path / "out" / NAME).exists()


@pytest.mark.parametrize(
    ("changed", "words"),
    [(["mmearth46"], "Is it mmearth64"), (["mmearth64", "--timeout", "0"], "--timeout 0: a number of seconds")],
)
def test_what_cannot_be_meant_is_one_line(tmp_path, capsys, changed, words):
    assert main(["data", "download", *changed, "--out", str(tmp_path)]) == 2
    assert words in capsys.readouterr().err


def test_ctrl_c_ends_in_a_line_and_the_same_command_goes_on(place, tmp_path, capsys):
    place.faults[f"/{NAME}.h5"] = [Fault(), Fault(stall=5000)]
    words = ["data", "download", "mmearth100k", "--out", str(tmp_path / "out"), "--base-url", place.url]
    running = subprocess.Popen([sys.executable, "-m", "mp_mae", *words], cwd=ROOT, stderr=subprocess.PIPE, text=True)
    part = tmp_path / "out" / f".{NAME}.download" / "files" / f"{NAME}.h5.part"
    until = time.monotonic() + 120
    while not (part.exists() and part.stat().st_size) and time.monotonic() < until:
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    _, told = running.communicate(timeout=60)
    assert running.returncode == 128 + signal.SIGINT
    assert told.splitlines()[-1] == "interrupted; the same command goes on from what is there"
    had = part.stat().st_size
    assert main(words) == 0
    assert place.requests[-1] == (f"/{NAME}.h5", f"bytes={had}-")


def test_verify_names_what_is_wrong(place, tmp_path, capsys):
    folder = tmp_path / "written" / NAME
    path = folder / f"{NAME}_band_stats.json"
    statistics = json.loads(path.read_text())
    statistics["aster"]["mean"][0] += 1000
    path.write_text(json.dumps(statistics))
    assert main(["data", "verify", str(folder)]) == 2
    assert "aster elevation has mean" in capsys.readouterr().err


def test_downloads_need_neither_torch_nor_anything_of_the_harness():
    code = """
import sys
sys.modules.update(dict.fromkeys(["torch", "timm", "h5py", "numpy", "duckdb", "optuna", "pandas", "pydantic", "typer"]))
from mp_mae.cli.app import main
sys.exit(main(["data", "download", "mmearth64", "--out", "x", "--base-url", "file:///etc"]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 2
    assert "files are fetched by http and https alone" in done.stderr
    assert not (ROOT / "x").exists()
