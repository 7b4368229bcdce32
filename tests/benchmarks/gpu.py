"""Everything that a GPU is for here, measured in one go of less than ten minutes on whatever GPU there is.

    python tests/benchmarks/gpu.py                              # prints tables
    python tests/benchmarks/gpu.py --write docs/performance.md  # and puts them there, under "GPU"
    python tests/benchmarks/gpu.py --toy                        # seconds on a CPU: whether it runs, and no figures

All but the probe needs torch, timm, accelerate and h5py alone. What does not run is left out with a line that says why.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tests" / "benchmarks")]

from gpu_parts import Case, Line, Machine, extraction, fed_training, probe, training_step  # noqa: E402

HEADING = "## GPU"
BUDGET = 540.0
"""Seconds after which no further part is begun."""
CASES = tuple(Case(size, patch) for size in ("atto", "tiny") for patch in (8, 16))
TOY = (Case("demo", 8),)


@dataclass(frozen=True)
class Part:
    title: str
    columns: tuple[str, ...]
    calls: tuple[Callable[[Machine], Iterator[Line]], ...]


def parts(cases: tuple[Case, ...]) -> list[Part]:
    """What is measured, the most wanted first."""

    def of_cases(measure: Callable[[Machine, Case, str], Iterator[Line]], *precisions: str) -> tuple:
        return tuple(
            lambda machine, case=case, precision=precision: measure(machine, case, precision)
            for precision in precisions
            for case in cases
        )

    return [
        Part(
            "Training step against the dense one",
            ("", "ours, images/s", "dense", "ratio", "peak memory", "dense"),
            of_cases(training_step, "bf16"),
        ),
        Part(
            "Training fed by the loader",
            ("", "images/s", "waiting for data", "loader alone, tiles/s", "reading threads"),
            of_cases(fed_training, "bf16"),
        ),
        Part(
            "Frozen features and fine-tuning",
            ("", "features, images/s", "fine-tuning, images/s"),
            of_cases(extraction, "bf16", "float32"),
        ),
        Part("Linear probe, 40 strengths", ("", "s", "against ours"), (probe,)),
    ]


def measure(machine: Machine, cases: tuple[Case, ...], budget: float) -> str:
    """Every table, as Markdown."""
    began, text = time.perf_counter(), []
    for part in parts(cases):
        print(part.title, file=sys.stderr, flush=True)
        rows, left_out = [], []
        for call in part.calls:
            if time.perf_counter() - began > budget:
                left_out.append(f"the {budget:.0f} s of this benchmark were over")
                continue
            try:
                rows.extend(call(machine))  # what came before an error stays
            except (ImportError, RuntimeError) as error:  # a library that is not there; a GPU's memory that is full
                left_out.append(f"{type(error).__name__}: {str(error).splitlines()[0]}")
            if machine.device.type == "cuda":
                torch.cuda.empty_cache()
        text += [f"**{part.title}**", ""]
        if rows:
            text += [_row(part.columns), _row(("---",) * len(part.columns)), *map(_row, rows), ""]
        text += [f"Left out: {reason}.\n" for reason in dict.fromkeys(left_out)]
    return "\n".join(text)


def _row(cells: Line) -> str:
    return f"| {' | '.join(cells)} |"


def describe(machine: Machine) -> str:
    """Where it was measured."""
    cpus = f"{os.cpu_count()} CPUs"
    if machine.device.type != "cuda":
        return f"No GPU: {cpus}, PyTorch {torch.__version__}."
    found = torch.cuda.get_device_properties(machine.device)
    return (
        f"{found.name}, {found.total_memory / 2**30:.0f} GiB, {cpus}, PyTorch {torch.__version__}; "
        f"batch {machine.batch}, medians of {machine.rounds} rounds in turn."
    )


def replace_section(page: str, content: str) -> str:
    """The page with what is below its heading "GPU" replaced; other headings stay."""
    before, found, after = page.partition(f"\n{HEADING}")
    if not found:
        raise SystemExit(f"The page has no heading {HEADING!r}. Add it where the tables shall be.")
    rest = after.partition("\n## ")[2]
    command = ": `python tests/benchmarks/gpu.py --write docs/performance.md`"
    return f"{before}\n{HEADING}{command}\n{content.strip()}\n" + (f"\n## {rest}" if rest else "")


def main(words: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", type=Path, metavar="PAGE", help="Markdown page that gets the tables")
    parser.add_argument("--toy", action="store_true", help="tiny, on the CPU")
    parser.add_argument("--batch", type=int, default=256, help="images at once (default 256)")
    args = parser.parse_args(words)
    if not args.toy and not torch.cuda.is_available():
        raise SystemExit("PyTorch finds no GPU here. Pass --toy to see whether the benchmark runs.")
    if args.toy:
        machine = Machine(torch.device("cpu"), readers=1, batch=2, tiles=4, steps=1, rounds=1)
    else:
        readers = min(os.cpu_count() or 1, 16)
        machine = Machine(torch.device("cuda"), readers=readers, batch=args.batch, tiles=1024, steps=10, rounds=3)
    tables = f"{describe(machine)}\n\n{measure(machine, TOY if args.toy else CASES, BUDGET)}"
    print(tables)
    if args.write:
        args.write.write_text(replace_section(args.write.read_text(encoding="utf-8"), tables), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
