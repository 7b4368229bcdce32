"""Help, curves and what is refused come at once: torch is imported by verbs that compute, when they run."""

import json
import os
import resource
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from mp_mae.cli.app import VERBS
from mp_mae.training.log import LOG, StepRecord

ROOT = Path(__file__).parents[3]
RUN_AND_LIST = """
import sys
from mp_mae.cli.app import main
try:
    code = main(sys.argv[1:])
except SystemExit as ended:
    code = ended.code
slow = sorted({"torch", "timm", "accelerate", "h5py"} & set(sys.modules))
print(code, *slow, file=sys.stderr)
"""


def imported(*words: str) -> list[str]:
    """Exit code, and which slow libraries a command has imported."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", RUN_AND_LIST, *words], capture_output=True, text=True, env=environment, check=True
    )
    return done.stderr.splitlines()[-1].split()


@pytest.mark.parametrize("words", [["--help"], *([verb, "--help"] for verb in VERBS)], ids=" ".join)
def test_help_imports_nothing_slow(words):
    assert imported(*words) == ["0"]


def test_help_takes_less_than_a_second_of_a_processor():
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "mp_mae", "--help"], cwd=ROOT, capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 1


def test_curves_import_nothing_slow_but_matplotlib(tmp_path):
    pytest.importorskip("matplotlib", reason="the extra `plots`")
    record = StepRecord(
        step=1, epoch=0.5, rate=0.1, total=2.0, losses={"biome": 2.0}, gradient_norm=1.0, images_per_second=9.0,
        waiting=0.0, memory_mb=1.0,
    )  # fmt: skip
    records = [asdict(record), {**asdict(record), "step": 2}]
    (tmp_path / LOG).write_text("".join(json.dumps(each) + "\n" for each in records))
    assert imported("curves", str(tmp_path), "--out", str(tmp_path / "curves.png")) == ["0"]
    assert (tmp_path / "curves.png").stat().st_size > 10_000


def test_the_package_and_what_others_read_of_it_import_no_torch():
    code = (
        "import sys, mp_mae.visible_text, mp_mae.files.json_file, mp_mae.files.replace_folder, mp_mae.data.files, "
        "mp_mae.data.world.simulate, mp_mae.training.recipes; sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
