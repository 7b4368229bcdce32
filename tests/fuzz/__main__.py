"""`python -m tests.fuzz`: fuzz the readers of files and texts that come from strangers.

Every input must end in a value or in a documented error of one line, within limits of time and memory. An input follows
from seed, target and its number, so a failure is repeated by `--targets NAME --first NUMBER --inputs 1`.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import IO

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS.parent)]

from fuzz.attempts import build_input  # noqa: E402
from fuzz.targets import TARGETS  # noqa: E402

START_SECONDS = 120
"""Until a process has made its first inputs and read the first of them."""
SECONDS = 30
"""Without a sign of life, of a process that has begun."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=20_000, help="for each target (default 20000)")
    parser.add_argument("--targets", default=",".join(TARGETS), help="names separated by commas (default: all)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first input (default 0)")
    parser.add_argument("--keep", type=Path, help="folder for inputs that failed")
    options = parser.parse_args()
    bad = 0
    for name in options.targets.split(","):
        began = time.monotonic()
        counts, examples = fuzz(name, options.seed, options.first, options.first + options.inputs)
        failed = {kind: n for kind, n in counts.items() if kind not in ("value", "refused")}
        print(
            f"{name}: {counts.total()} inputs in {time.monotonic() - began:.0f} s: {counts['value']} values, "
            f"{counts['refused']} refused, {sum(failed.values())} failures of {len(failed)} kinds",
            flush=True,
        )
        for kind, n in failed.items():
            index, detail = examples[kind]
            print(f"  {n} x {kind}, first input {index}\n{detail}", flush=True)
            _keep(options.keep, name, options.seed, index)
        bad += len(failed)
    return 1 if bad else 0


def fuzz(name: str, seed: int, first: int, last: int) -> tuple[Counter[str], dict[str, tuple[int, str]]]:
    """How often inputs came to what; and of each kind the number of its first input and what there is to say."""
    counts: Counter[str] = Counter()
    examples: dict[str, tuple[int, str]] = {}
    at = first
    while at < last:
        with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
            at, died = _run(name, seed, at, last, folder, counts, examples)
        if died:
            counts[died] += 1
            examples.setdefault(died, (at, ""))
            at += 1
    return counts, examples


def _run(
    name: str,
    seed: int,
    first: int,
    last: int,
    folder: str,
    counts: Counter[str],
    examples: dict[str, tuple[int, str]],
) -> tuple[int, str]:
    """One process, as far as it comes. The number of the input after, and what ended the process if that was bad."""
    places = os.pathsep.join((str(TESTS), str(TESTS.parent)))
    process = subprocess.Popen(
        [sys.executable, "-m", "fuzz.worker", name, str(seed), str(first), str(last), folder],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": places, "OMP_NUM_THREADS": "1", "TMPDIR": folder},
    )
    lines: Queue[str] = Queue()
    assert process.stdout is not None
    Thread(target=_forward, args=(process.stdout, lines), daemon=True).start()
    at, limit = first, START_SECONDS
    try:
        while line := lines.get(timeout=limit):
            outcome = json.loads(line)
            at, limit = outcome["index"] + 1, SECONDS
            counts[outcome["kind"]] += 1
            examples.setdefault(outcome["kind"], (outcome["index"], outcome["detail"]))
    except Empty:
        return at, f"no answer within {limit} s"
    finally:
        process.kill()
        code = process.wait()
    if at < last:
        return at, f"the process ended ({code})"
    return at, ""


def _forward(source: IO[str], lines: "Queue[str]") -> None:
    for line in source:
        lines.put(line)
    lines.put("")


def _keep(folder: Path | None, name: str, seed: int, index: int) -> None:
    if folder is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        part, data = build_input(TARGETS[name](Path(scratch)), name, seed, index)
    (folder / f"{name}-{part}-{index}").write_bytes(data)


if __name__ == "__main__":
    sys.exit(main())
