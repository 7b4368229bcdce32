"""`demo`: the demo weights, trained on the simulated world."""

import argparse
from pathlib import Path

from rich.progress import Progress

from mp_mae.cli.signals import StopOnSigterm
from mp_mae.cli.verb import STOPPED, Verb, err, say
from mp_mae.config import check_choice
from mp_mae.training.progress import build_reporter

EXAMPLES = """
the weights in baselines/demo_weights; started again, it goes on where it was:
  python -m mp_mae demo --work runs/demo --out baselines/demo_weights
the contrastive ones alone, 32 minutes on two busy cores:
  python -m mp_mae demo --only clip --work runs/demo --out baselines/demo_weights"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--work", type=Path, required=True, help="folder for the simulated tiles and the trainings")
    parser.add_argument("--out", type=Path, required=True, help="folder of the encoders, one for each strategy")
    parser.add_argument("--only", action="append", metavar="NAME", help="a strategy; may be repeated (default: all)")
    parser.add_argument("--tiles", type=int, default=10_000, help="tiles to train on (default 10000)")
    parser.add_argument("--seed", type=int, default=0, help="of the world (default 0)")
    parser.add_argument("--processes", type=int, default=2, help="that simulate (default 2)")


def run(args: argparse.Namespace) -> int:
    from mp_mae.data.write import write_mmearth  # noqa: PLC0415 - imports h5py
    from mp_mae.training.demo_weights import STRATEGIES, train_demo_weights  # noqa: PLC0415 - imports torch

    strategies = tuple(STRATEGIES) if args.only is None else tuple(args.only)
    for name in strategies:
        check_choice("strategy", name, tuple(STRATEGIES))
    data = args.work / "mmearth_demo"
    with Progress(console=err) as progress:
        task = progress.add_task("simulating tiles", total=None)
        write_mmearth(
            data,
            args.seed,
            args.tiles,
            processes=args.processes,
            report=lambda done, total: progress.update(task, completed=done, total=total),
        )
    stop = StopOnSigterm()
    finished = train_demo_weights(
        strategies,
        data,
        args.work,
        args.out,
        reporter=lambda: build_reporter(err, is_first_process=True),
        stop=stop.asked,
    )
    if not finished.complete:
        say(f"stopped at step {finished.step} of {finished.total_steps} of {finished.out}. Go on: the same command")
        return STOPPED
    return 0


DEMO = Verb(
    name="demo",
    summary="train the demo weights on the simulated world",
    examples=EXAMPLES,
    add_arguments=add_arguments,
    run=run,
)
