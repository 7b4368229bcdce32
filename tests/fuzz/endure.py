"""`python -m tests.fuzz.endure`: repeat small campaigns in one process while everything around them fails.

Each round asks for some seeds more, and one thing happens to it: the backbone raises or gives NaN, a process of the
pool is killed, a sample or a file of the cache is damaged, the cache is gone, another process holds the leaderboard,
Ctrl-C comes. At the end the same command without a fault must leave every row exactly once, with the scores of a
campaign that nobody disturbed, and the memory of this process must have been flat.
"""

import argparse
import contextlib
import gc
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import psutil

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS.parent)]

from command_line import harness  # noqa: E402
from geobench_files import write_dataset  # noqa: E402
from leaderboards.query import run_query  # noqa: E402

FLAT = 1.05
"""The highest median memory of a tenth of the rounds may be so many times that of the second tenth."""
SEEDS = 8
"""Of a round: with two backbones and two numbers of labels enough runs for a pool of two processes."""
BACKBONE = '''
from pathlib import Path
from baselines.contract import Backbone, Features, InputSpec, Origin

FAULT = Path(__file__).with_name("fault")


class Frail(Backbone):
    """Means of bands, unless a file says what is to go wrong."""

    def embed(self, x, facts):
        fault = FAULT.read_text() if FAULT.exists() else ""
        if fault == "raise":
            raise ArithmeticError("no room")
        vector = x.mean(dim=(2, 3))
        return Features(vector=vector * float("nan") if fault == "nan" else vector, maps=())


def build(weights, seed):
    return Frail(inputs=InputSpec(bands=None), origin=Origin(weights_sha256="0" * 64, description="frail"), pyramid=())
'''
HOLDER = "import duckdb, sys, time; c = duckdb.connect(sys.argv[1]); print(flush=True); time.sleep(float(sys.argv[2]))"


class Place:
    """A folder in which campaigns are repeated."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.board, self.cache = folder / "board.duckdb", folder / "cache"
        self.samples = write_dataset(folder / "data", n_samples=60)
        (folder / "frail.py").write_text(BACKBONE)
        self.kills = 0

    def run(self, seeds: str, board: Path | None = None, *more: str) -> SimpleNamespace:
        return harness(
            "run", "--backbone", "frail.py:build,image_statistics", "--alone", "--geobench-dir", self.folder / "data",
            "--protocols", "few_shot_ridge", "--shots", "1,3", "--seeds", seeds, "--cache-dir", self.cache, "--db",
            board or self.board, "--device", "cpu", "--workers", 2, *more, cwd=self.folder,
        )  # fmt: skip

    def rows(self, board: Path) -> list[tuple[object, ...]]:
        """Of every run what it is and what came of it, without when and how long."""
        columns = "backbone, protocol, partition, seed, metric, value"
        return run_query(board, f"SELECT {columns} FROM leaderboard ORDER BY ALL").rows


@contextlib.contextmanager
def _said(place: Place, fault: str) -> Iterator[None]:
    (place.folder / "fault").write_text(fault)
    shutil.rmtree(place.cache / "features", ignore_errors=True)  # so that something is embedded
    yield
    (place.folder / "fault").unlink(missing_ok=True)


@contextlib.contextmanager
def _damaged(path: Path) -> Iterator[None]:
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] + b"x" + whole[len(whole) // 2 + 1 : -3])
    yield
    path.write_bytes(whole)


@contextlib.contextmanager
def _cache_damaged(place: Place) -> Iterator[None]:
    files = [path for path in place.cache.rglob("*") if path.is_file() and path.stat().st_size > 3]
    if files:
        path = random.choice(files)
        path.chmod(0o600)
        path.write_bytes(path.read_bytes()[:-3])
    yield


@contextlib.contextmanager
def _cache_gone(place: Place) -> Iterator[None]:
    shutil.rmtree(place.cache, ignore_errors=True)
    yield


@contextlib.contextmanager
def _board_held(place: Place) -> Iterator[None]:
    if not place.board.exists():
        yield
        return
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, place.board, "4"], stdout=subprocess.PIPE)
    holder.stdout.readline()
    yield
    holder.kill()
    holder.wait()
    holder.stdout.close()


@contextlib.contextmanager
def _killed(place: Place) -> Iterator[None]:
    """One of the pool's processes, once there is one and it has had some time."""
    over, started, wait = threading.Event(), time.monotonic(), random.uniform(0, 2)

    def kill() -> None:
        while not over.wait(0.05):
            children = [child for parent in psutil.Process().children() for child in parent.children()]
            if children and time.monotonic() - started > wait:
                with contextlib.suppress(psutil.NoSuchProcess):
                    random.choice(children).kill()
                    place.kills += 1
                return

    killer = threading.Thread(target=kill)
    killer.start()
    yield
    over.set()
    killer.join()


@contextlib.contextmanager
def _interrupted(place: Place) -> Iterator[None]:
    timer = threading.Timer(random.uniform(0.2, 4), os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    yield
    timer.cancel()
    timer.join()


FAULTS: dict[str, Callable[[Place], contextlib.AbstractContextManager[None]]] = {
    "none": lambda place: contextlib.nullcontext(),
    "the backbone raises": lambda place: _said(place, "raise"),
    "a process of the pool is killed": _killed,
    "it gives NaN": lambda place: _said(place, "nan"),
    "a sample is damaged": lambda place: _damaged(place.samples / "id_0.hdf5"),
    "a file of the cache is damaged": _cache_damaged,
    "the cache is gone": _cache_gone,
    "the leaderboard is held": _board_held,
    "Ctrl-C": _interrupted,
}
CODES = {0: "all there", 1: "some failed", 2: "refused", 130: "interrupted"}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.endure", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    random.seed(options.seed)
    with tempfile.TemporaryDirectory(prefix="endure-") as folder:
        return _endure(Place(Path(folder)), options.minutes)


def _endure(place: Place, minutes: float) -> int:
    until, counts, memory, wrong = time.monotonic() + 60 * minutes, Counter[str](), [], []
    rounds = 0
    while time.monotonic() < until:
        fault = random.choice(list(FAULTS))
        try:
            with FAULTS[fault](place):
                done = place.run(_seeds(rounds, rounds + 1))
        except KeyboardInterrupt:  # before or after the command
            done = SimpleNamespace(returncode=130, stderr="")
        if fault == "Ctrl-C" and "RuntimeError: Query interrupted" in done.stderr:  # what DuckDB makes of it
            done = SimpleNamespace(returncode=130, stderr="")
        counts[f"{fault}: {CODES.get(done.returncode, done.returncode)}"] += 1
        if done.returncode not in CODES or "Traceback" in done.stderr:
            wrong.append(f"round {rounds}, {fault}: code {done.returncode}\n{done.stderr[-3000:]}")
            print(wrong[-1], flush=True)
        gc.collect()
        memory.append(_resident())
        rounds += 1
        if rounds % 20 == 0:
            print(f"{rounds} rounds, {memory[-1] / 2**20:.0f} MiB, {len(wrong)} wrong", flush=True)
    for text, n in sorted(counts.items()):
        print(f"{n:4} x {text}")
    last = place.run(_seeds(0, rounds), None, "--retry-failed")
    undisturbed = place.folder / "undisturbed.duckdb"
    alone = place.run(_seeds(0, rounds), undisturbed)
    if last.returncode or alone.returncode or place.rows(place.board) != place.rows(undisturbed):
        wrong.append(f"the rows are others than those of an undisturbed campaign\n{last.stderr[-2000:]}")
    tenth = max(1, len(memory) // 10)
    medians = [statistics.median(memory[at : at + tenth]) for at in range(0, len(memory) - tenth + 1, tenth)]
    growth = max(medians[2:] or medians) / medians[1 if len(medians) > 1 else 0]
    rows = len(place.rows(place.board))
    print(f"{rounds} rounds, {rows} rows, {place.kills} processes of pools killed")
    print(f"memory by tenths of the rounds: {' '.join(f'{m / 2**20:.0f}' for m in medians)} MiB, {growth:.3f} times")
    if growth > FLAT:
        wrong.append(f"memory grew {growth:.3f} times, allowed {FLAT}")
    print("\n".join(wrong) or "nothing wrong")
    return 1 if wrong else 0


def _seeds(first: int, last: int) -> str:
    """Those of the rounds from `first` to before `last`."""
    return f"{first * SEEDS}-{last * SEEDS - 1}"


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


if __name__ == "__main__":
    sys.exit(main())
