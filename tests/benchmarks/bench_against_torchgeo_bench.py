"""Whole commands beside torchgeo-bench 0.4.0 (MIT): same files, splits, weights and two cores, fresh caches, in turn.

    python tests/benchmarks/bench_against_torchgeo_bench.py                 # rows of 4,000 images
    python tests/benchmarks/bench_against_torchgeo_bench.py --rows large    # 27,000 images

torchgeo-bench is installed from the package index into a virtual environment of its own (6.5 GB); where that cannot be,
one line says so and nothing is measured. Images are simulated, in the layout of m-eurosat, which both read. Every
measurement is kept as JSON below --folder, and `--resume` measures only what is missing there. At the end stands a
table of all that was measured, as medians, ratios as medians of those of each turn; then the scores.

Both choose C among the same 40 on valid and fit it to train: torchgeo-bench's default of fitting it to train and valid
once more is switched off. Exit code 1: scores differ, or a goal is missed; of fewer images (`--images 400 --turns 1`,
whether all of it runs) neither is asked.
"""

import argparse
import json
import shutil
import statistics
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from against_torchgeo_bench.environment import NotInstallableError, make_environment
from against_torchgeo_bench.images import PARTITIONS
from against_torchgeo_bench.programs import FailedError, Programs

from baselines.timm_models.imagenet_lite import find_file
from harness.campaign.defaults import default_cache
from mp_mae.errors import NotHereError

LARGE = {"train": 16_200, "valid": 5_400, "test": 5_400}
"""EuroSAT as torchgeo splits it."""
REAL = 4_000
"""Images from which on the goals hold, and a score is more than the luck of a few images."""
SEEDS = 5
KNN_TOLERANCE, PROBE_TOLERANCE = 0.01, 0.015
"""Of test accuracies: k-NN by one rule on the vectors of both, and linear probes of both."""

Measured = dict[str, Any]
"""One turn: what each side took, by its name, and `scores`."""


@dataclass(frozen=True)
class Line:
    """Of the table."""

    row: str
    label: str
    side: str
    goal: float | None


LINES = (
    Line("lite0", "EfficientNet-Lite0, k-NN + linear probe, from nothing", "ours", 3),
    Line("lite0", "the same, features cached", "cached", 8),
    Line("atto", "convnextv2_atto (untrained), the same, from nothing", "ours", 5),
    Line("atto", "the same, features cached", "cached", None),
    Line("curve", "curve, 7 partitions x 5 seeds, from nothing", "ours", 40),
    Line("curve", "the same, train drawn anew by each seed", "drawn", None),
    Line("statistics", "image statistics, k-NN + linear probe, from nothing", "ours", 8),
    Line("embedding", "reading and embedding alone, by Lite0", "ours", 1.5),
    Line("large", "EfficientNet-Lite0, k-NN + linear probe, from nothing", "ours", 8),
    Line("large-embedding", "reading and embedding alone, by Lite0", "ours", 1.5),
)


def probes(programs: Programs, backbone: str) -> Measured:
    """From nothing, theirs, with features in the cache."""
    programs.forget()
    ours = programs.ours(backbone)
    scores = {"ours": programs.our_scores()}
    theirs = programs.theirs(backbone)
    scores["theirs"] = programs.their_scores()
    cached = programs.ours(backbone)
    if backbone != "statistics":
        scores["neighbours_by_their_rule"] = programs.neighbours_by_their_rule(backbone)
    return {"ours": asdict(ours), "theirs": asdict(theirs), "cached": asdict(cached), "scores": scores}


def curve(programs: Programs) -> Measured:
    """Seven partitions, five seeds; theirs is measured with one seed and multiplied."""
    words = ("--partitions", ",".join(PARTITIONS), "--seeds", f"0-{SEEDS - 1}", "--train-draw")
    programs.forget()
    ours = programs.ours("lite0", *words, "partition")
    programs.forget()
    drawn = programs.ours("lite0", *words, "seed")
    one = programs.theirs("lite0", PARTITIONS)
    theirs = replace(one, seconds=SEEDS * one.seconds, cpu_seconds=SEEDS * one.cpu_seconds)
    return {"ours": asdict(ours), "drawn": asdict(drawn), "theirs": asdict(theirs)}


def embedding(programs: Programs) -> Measured:
    programs.forget()
    return {"ours": asdict(programs.embed_ours()), "theirs": asdict(programs.embed_theirs())}


ROWS: Mapping[str, Callable[[Programs], Measured]] = {
    "lite0": lambda programs: probes(programs, "lite0"),
    "atto": lambda programs: probes(programs, "atto"),
    "curve": curve,
    "statistics": lambda programs: probes(programs, "statistics"),
    "embedding": embedding,
    "large": lambda programs: probes(programs, "lite0"),
    "large-embedding": embedding,
}


def disagreements(row: str, scores: Mapping[str, Any]) -> list[str]:
    """What differs by more than it may, in words. Nothing of image statistics, of which the programs have others."""
    if "neighbours_by_their_rule" not in scores:
        return []
    pairs = {
        "k-NN by one rule": (scores["neighbours_by_their_rule"], scores["theirs"]["knn"], KNN_TOLERANCE),
        "linear probe": (scores["ours"]["linear_probe"], scores["theirs"]["linear_probe"], PROBE_TOLERANCE),
    }
    return [
        f"{row}: {what}: ours {ours:.3f}, torchgeo-bench {theirs:.3f}, more than {tolerance} apart"
        for what, (ours, theirs, tolerance) in pairs.items()
        if abs(ours - theirs) > tolerance
    ]


def median(turns: list[Measured], side: str, what: str) -> float:
    return statistics.median(turn[side][what] for turn in turns)


def times_faster(turns: list[Measured], side: str, what: str) -> float:
    return statistics.median(turn["theirs"][what] / turn[side][what] for turn in turns)


def table(results: Mapping[str, list[Measured]], n_images: Callable[[str], int]) -> str:
    """Markdown: what was measured so far."""
    rows = [
        "| work (two cores) | images | ours | torchgeo-bench | times as fast | goal | by CPU time | peak, GB |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for line in LINES:
        if turns := results.get(line.row):
            seconds = [f"{median(turns, side, 'seconds'):.1f} s" for side in (line.side, "theirs")]
            ratios = [f"{times_faster(turns, line.side, what):.1f}" for what in ("seconds", "cpu_seconds")]
            peaks = " / ".join(f"{median(turns, side, 'peak_gb'):.2f}" for side in (line.side, "theirs"))
            goal = "" if line.goal is None else f"{line.goal:g}"
            cells = (line.label, f"{n_images(line.row):,}", *seconds, f"**{ratios[0]}**", goal, ratios[1], peaks)
            rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def missed(results: Mapping[str, list[Measured]]) -> list[str]:
    """Goals that the measured rows are below, in words."""
    return [
        f"{line.row}: {line.label}: {found:.1f} times as fast, goal {line.goal:g}"
        for line in LINES
        if line.goal and (turns := results.get(line.row))
        if (found := times_faster(turns, line.side, "seconds")) < line.goal
    ]


def measure(row: str, programs: Programs, kept: Path, turns: int) -> None:
    """As many turns of a row as are wanted, but for those that are kept.

    Raises:
        FailedError: a command ended with an error.
    """
    programs.prepare()
    for turn in range(turns):
        file = kept / f"{turn}.json"
        if file.exists():
            continue
        print(f"{row}, turn {turn + 1} of {turns}", flush=True)
        measured = ROWS[row](programs)
        kept.mkdir(parents=True, exist_ok=True)
        file.with_suffix(".partial").write_text(json.dumps(measured, indent=1))
        file.with_suffix(".partial").rename(file)
        sides = {side: f"{took['seconds']:.1f} s" for side, took in measured.items() if side != "scores"}
        print(f"  {sides} {measured.get('scores', '')}", flush=True)
    programs.forget()


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    usual = ",".join(row for row in ROWS if not row.startswith("large"))
    parser.add_argument("--rows", default=usual, help=f"some of {','.join(ROWS)}; default: %(default)s")
    parser.add_argument("--images", type=int, default=REAL, help="of the rows but large ones; default: %(default)s")
    parser.add_argument("--turns", type=int, default=3, help="measurements of each row; default: %(default)s")
    parser.add_argument("--resume", action="store_true", help="keep what earlier commands measured")
    parser.add_argument(
        "--python", default="python3.12", help="makes torchgeo-bench's environment; default: %(default)s"
    )
    folder = default_cache() / "against-torchgeo-bench"
    parser.add_argument("--folder", type=Path, default=folder, help="for everything; default: %(default)s")
    arguments = parser.parse_args()
    arguments.rows = arguments.rows.split(",")
    if unknown := set(arguments.rows) - set(ROWS):
        parser.error(f"no row {', '.join(sorted(unknown))}. There are: {', '.join(ROWS)}")
    return arguments


def main() -> int:
    arguments = read_arguments()
    folder = arguments.folder.absolute()
    half, quarter = arguments.images // 2, arguments.images // 4
    usual = {"train": half, "valid": quarter, "test": arguments.images - half - quarter}
    splits = {row: LARGE if row.startswith("large") else usual for row in ROWS}
    kept = {row: folder / "results" / f"{row}-{sum(splits[row].values())}" for row in ROWS}
    try:
        find_file()  # the weights of Lite0
        environment = make_environment(folder / "environment", arguments.python)
    except (NotHereError, NotInstallableError) as reason:
        print(f"skipped: {reason}")
        return 0
    wrong = []
    for row in arguments.rows:
        if not arguments.resume:
            shutil.rmtree(kept[row], ignore_errors=True)
        try:
            measure(row, Programs(folder, environment, splits[row]), kept[row], arguments.turns)
        except FailedError as error:
            wrong.append(f"{row}: {error}")
    results = {row: [json.loads(file.read_text()) for file in sorted(kept[row].glob("*.json"))] for row in ROWS}
    print(f"\n{table(results, lambda row: sum(splits[row].values()))}\n")
    scored = {row: turns[-1]["scores"] for row, turns in results.items() if turns and "scores" in turns[-1]}
    for row, scores in scored.items():
        print(f"{row}: {json.dumps(scores)}")
    if arguments.images >= REAL:
        wrong += [words for row, scores in scored.items() for words in disagreements(row, scores)] + missed(results)
    print("\n".join(wrong), file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
