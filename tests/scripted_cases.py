"""Runs the scripts of `../shared/cases`: inputs on which the project once failed, each one example of a kind.

The scripts were written against the checkout of their day. What has been renamed since is replaced in a copy of them
(`RENAMED`), and they find a checkout with the published patches where it had them then.
"""

import os
import re
import resource
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from shared_fixtures import copy_files, shared_cases, shared_fixtures

ROOT = Path(__file__).parent.parent
TRACEBACK = "Traceback (most recent call last)"
SECONDS = 240
"""That a script may take on a busy machine; what it measures itself has limits of its own."""

RENAMED = {
    # one JSON reader a package
    "from mp_mae.data.json_file import read_json": "from mp_mae.files.json_file import read_json",
    "lambda: read_json(d/'x.json')": "lambda: read_json(d/'x.json','Name another file')",
    "from harness.data.band_statistics import read_json_object": (
        "from harness.data.files.json_file import read_json_object"
    ),
    # files have rooms
    "from mp_mae.official_layout import": "from mp_mae.official.layout import",
    "from mp_mae.training_state import": "from mp_mae.training.state import",
    "from leaderboards.sources import": "from leaderboards.formats.sources import",
    "leaderboards.checks_baseline": "leaderboards.checks.baseline",
    "from harness.data.demo.new_directory import": "from harness.demo.new_directory import",
    "from harness.data.partitions import read_partition": (
        "from harness.data.sources.geobench.partition_files import read_partition"
    ),
    "from harness.data.specs import": "from harness.data.sources.geobench.task_specs import",
    "from harness.data.samples import": "from harness.data.sources.geobench.samples import",
    "from harness.data.cache import": "from harness.data.arrays import",
    "from harness.data.dataset import open_dataset": "from harness.data.sources import open_dataset",
    "from harness.records import DatasetRef": "from harness.records.job import DatasetRef",
    "from harness.progress import": "from harness.records.progress import",
    # features are entries of one store, and their JSON is its manifest
    "from harness.features import _read\n": "from harness.store.manifest import read_manifest\n",
    "from harness.pixel_features import _read as pread\n": "",
    "t(f'{label} features json',lambda: _read(d/'x.npy',3))": (
        "(d/'manifest.json').write_bytes(b); t(f'{label} features json',lambda: read_manifest(d))"
    ),
    "pread(p,3)": "read_manifest(p)",
    "from harness.features import cached_features,_read as fread\n": "",
    "# features\n": "sys.exit()  # damaged features: tests/harness/execution/test_runs_and_the_cache.py\n",
    # and so are arrays
    "a.fingerprint": "a.content_sha256",
    "b.fingerprint": "b.content_sha256",
    "truth.fingerprint": "truth.content_sha256",
    "m=json.loads((good/'meta.json').read_text())": "m={'samples': list(S), 'bands': list(B)}",
    "j.update(k); w('meta.json'": "j['manifest']['facts'].update(k); w('manifest.json'",
    "meta.json": "manifest.json",
    # numbers have tables of their own
    '"DROP TABLE mask_counts"': '"DROP TABLE mask_counts","DROP TABLE value_predictions","DROP TABLE error_sums"',
}
"""What a script imports, calls or damages -> what that is now."""


@dataclass(frozen=True)
class Ended:
    """How a script ended."""

    code: int
    said: str
    """Standard output and error in the order of their lines."""

    def part(self, start: str) -> str:
        """What was said from the line `start` on to the next that begins with the same mark."""
        after = self.said.partition(f"{start}\n")[2]
        mark = re.escape(start.split(maxsplit=1)[0])
        return re.split(rf"(?m)^{mark} ", after)[0]

    def lines(self, start: str) -> list[str]:
        return [line for line in self.said.splitlines() if line.startswith(start)]


def run_case(name: str, work: Path, replaced: Mapping[str, str] | None = None) -> Ended:
    """The case.sh of a folder, in which each key of `replaced` is replaced by its value."""
    script = copy_files(shared_cases(), work / "cases") / name / "case.sh"
    text = script.read_text()
    for old, new in (replaced or {}).items():
        assert old in text, f"{script} no longer says {old}"
        text = text.replace(old, new)
    script.write_text(text)
    return _run(["bash", str(script)], work, work, {"PROJ": str(ROOT), "PY": sys.executable})


def run_hostile(script: str, work: Path, *arguments: str) -> Ended:
    """A Python script of the folder `hostile`, from a checkout as it was; `work` is its scratch folder."""
    checkout = _old_checkout(work)
    hostile = work / "hostile"
    if not hostile.exists():
        copy_files(shared_cases("hostile"), hostile)
    path = hostile / script
    text = path.read_text()
    for old, new in RENAMED.items():
        text = text.replace(old, new)
    path.write_text(text)
    for folder in (work / "w" / "cc", work / "home"):
        folder.mkdir(parents=True, exist_ok=True)
    environment = {
        "PROJ": str(checkout), "CASES": str(hostile), "WORK": str(work), "HOME": str(work / "home"),
        "PYTHONPATH": os.pathsep.join(map(str, (checkout, checkout / "tests", checkout / "tests" / "leaderboards"))),
    }  # fmt: skip
    return _run([sys.executable, str(path), *arguments], checkout, work, environment)


def _old_checkout(work: Path) -> Path:
    """Links to this checkout, and to the published files where the scripts look for them, which this one has not."""
    checkout = work / "checkout"
    if checkout.exists():
        return checkout
    (checkout / "tests" / "fixtures").mkdir(parents=True)
    (work / "shared").mkdir()
    (work / "shared" / "fixtures").symlink_to(shared_fixtures())
    for path in ROOT.iterdir():
        if path.name != "tests" and not path.name.startswith("."):
            (checkout / path.name).symlink_to(path)
    for path in (ROOT / "tests").iterdir():
        if path.name != "fixtures":
            (checkout / "tests" / path.name).symlink_to(path)
    (checkout / "tests" / "fixtures" / "geobench").symlink_to(shared_fixtures("geobench"))
    return checkout


def failures(said: str) -> list[str]:
    """The lines that tell of failed runs; no traceback among all that was said."""
    assert TRACEBACK not in said, said
    return [line for line in said.splitlines() if line.startswith("failed: ")]


def _run(command: list[str], folder: Path, work: Path, environment: dict[str, str]) -> Ended:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("GEO_BENCH", "MP_MAE"))}
    done = subprocess.run(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True,
        errors="replace", timeout=SECONDS, check=False, preexec_fn=_no_core,
        env={**clean, "TMPDIR": str(work), "OMP_NUM_THREADS": "1", "COLUMNS": "150", **environment},
    )  # fmt: skip
    return Ended(done.returncode, done.stdout)


def _no_core() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
