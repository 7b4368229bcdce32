"""`python -m mp_mae`: the verbs. Each one only translates words into calls and results into a line of text."""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rich.progress import Progress

from mp_mae.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from mp_mae.data.shards import write_shards
from mp_mae.data.write import write_mmearth
from mp_mae.errors import NonFiniteLossError, UserError
from mp_mae.hub import PretrainedEncoder
from mp_mae.training.demo_weights import train_demo_weights
from mp_mae.training.export import ENCODER, export_encoder
from mp_mae.training.log import LOG
from mp_mae.training.loop import pretrain
from mp_mae.training.progress import build_reporter
from mp_mae.training.recipes import RECIPES
from mp_mae.training.setting_values import AUTO, read_toml
from mp_mae.training.settings import Settings, as_fields, parse_assignment, setting_docs, vary
from mp_mae.visible_text import VisibleConsole

SHORTCUTS = ("data", "preset", "size", "epochs", "batch", "micro_batch", "seed", "device", "tracker")
"""Settings with a flag of their own; `--size tiny` is `--set size=tiny`."""

EXAMPLES = {
    "pretrain": """
one machine, one device (a GPU if there is one):
  python -m mp_mae pretrain --data data_1M_v001_64 --preset all --size atto --out runs/atto
all GPUs of a machine; one optimizer step still has 4096 images:
  accelerate launch -m mp_mae pretrain --data data_1M_v001_64 --preset all --size atto --out runs/atto
only Sentinel-2, larger, and told in a file (runs/*/settings.toml shows one):
  python -m mp_mae pretrain --config s2.toml --preset s2 --size tiny --out runs/s2
a first look on a laptop, then on with it after an interruption (SIGTERM saves first):
  python -m mp_mae pretrain --recipe quick --data data_100k_v001 --set crop=64 --out runs/look
  python -m mp_mae pretrain --recipe quick --data data_100k_v001 --set crop=64 --out runs/look --resume auto
and then:
  python -m harness run --backbone mp_mae --weights runs/look/encoder
  python -m mp_mae curves runs/look --out curves.png
  python -m mp_mae reconstruct --run runs/look --data data_100k_v001 --out sheet.png""",
    "export": "  python -m mp_mae export runs/atto encoder-at-1000 --step 1000",
    "convert": """
an official MMEarth checkpoint into our folder (model.safetensors and config.json):
  python -m mp_mae convert pt-all_mod_atto_1M_64_uncertainty_56-8.pth encoders/mmearth-atto""",
    "push": """
log in once with `hf auth login`, then:
  python -m mp_mae push runs/atto/encoder you/mp-mae-atto
and anywhere else:
  from mp_mae.hub import PretrainedEncoder
  encoder = PretrainedEncoder.from_pretrained("you/mp-mae-atto")""",
    "reconstruct": """
what a training has learnt, on four tiles of the validation split:
  python -m mp_mae reconstruct --run runs/atto --data data_1M_v001_64 --out sheet.png
an official checkpoint, as a PDF, on chosen rows of the file:
  python -m mp_mae reconstruct --weights official.pth --data data_1M_v001_64 --rows 3,14,15 --out sheet.pdf""",
    "curves": "  python -m mp_mae curves runs/atto --out curves.png",
    "demo": """
the weights in baselines/demo_weights, about an hour on two cores; started again, it goes on where it was:
  python -m mp_mae demo --work runs/demo --out baselines/demo_weights""",
    "shards": """
a copy without compression, which is read several times faster; started again, it goes on where it was:
  python -m mp_mae shards data_100k_v001 fast/data_100k_v001""",
}

out = VisibleConsole()
err = VisibleConsole(stderr=True)


def run_pretrain(args: argparse.Namespace) -> int:
    settings = gather_settings(args)
    stop = _StopOnSigterm()
    reporter = build_reporter(err, is_first_process=_process() == 0)
    finished = pretrain(settings, args.out, resume=args.resume == "auto", reporter=reporter, stop=stop.asked)
    if _process() == 0:
        if finished.complete:
            encoder = args.out / ENCODER
            _say(f"{finished.step} steps done. Evaluate: python -m harness run --backbone mp_mae --weights {encoder}")
        else:
            _say(
                f"stopped at step {finished.step} of {finished.total_steps}. Go on: the same command with --resume auto"
            )
    return 0


def gather_settings(args: argparse.Namespace) -> Settings:
    """The recipe, changed by the TOML file, changed by the flags.

    Raises:
        UserError: no data, an unknown key or a bad value, or a key that the command line sets twice.
    """
    flags: dict[str, Any] = {}
    given = [f"{name}={getattr(args, name)}" for name in SHORTCUTS if getattr(args, name) is not None]
    for key, value in map(parse_assignment, given + args.set):
        if key in flags:
            raise UserError(f"{key} is set twice on the command line: {flags[key]!r} and {value!r}. Set it once.")
        flags[key] = value
    from_file = read_toml(args.config) if args.config else {}
    data = flags.get("data", from_file.get("data"))
    if data is None:
        raise UserError("no data: pass --data DIR, the folder of an MMEarth dataset.")
    settings = vary(RECIPES[args.recipe](str(data)), from_file, str(args.config))
    return vary(settings, flags, "command line")


def run_export(args: argparse.Namespace) -> int:
    checkpoint = export_encoder(args.run, args.out, args.step)
    _say(_describe(args.out, checkpoint))
    return 0


def run_convert(args: argparse.Namespace) -> int:
    checkpoint = load_checkpoint(args.weights)
    save_checkpoint(checkpoint, args.out)
    for key in checkpoint.summary.unknown_keys:
        err.print(f"note: {key} is not known and was left out", markup=False, highlight=False, soft_wrap=True)
    _say(_describe(args.out, checkpoint))
    return 0


def run_push(args: argparse.Namespace) -> int:
    encoder = PretrainedEncoder(load_checkpoint(args.weights))
    _say(encoder.push_to_hub(args.repository, private=args.private))
    return 0


def run_reconstruct(args: argparse.Namespace) -> int:
    _need_matplotlib("reconstruct")
    from mp_mae.pictures.draw import reconstruct  # noqa: PLC0415 - needs the optional matplotlib

    rows = None if args.rows is None else _numbers("--rows", args.rows)
    reconstruct(args.run or args.weights, Path(args.data), args.out, rows=rows, tiles=args.tiles, seed=args.seed)
    _say(str(args.out))
    return 0


def run_curves(args: argparse.Namespace) -> int:
    _need_matplotlib("curves")
    from mp_mae.pictures.draw import draw_curves  # noqa: PLC0415 - needs the optional matplotlib

    draw_curves(args.run / LOG, args.out)
    _say(str(args.out))
    return 0


def run_shards(args: argparse.Namespace) -> int:
    with Progress(console=err) as progress:
        task = progress.add_task("tiles", total=None)
        write_shards(
            args.source,
            args.out,
            lambda done, total: progress.update(task, completed=done, total=total),
            workers=args.workers,
        )
    _say(str(args.out))
    return 0


def run_demo(args: argparse.Namespace) -> int:
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
    stop = _StopOnSigterm()
    finished = train_demo_weights(
        data, args.work, args.out, reporter=lambda: build_reporter(err, is_first_process=True), stop=stop.asked
    )
    if not finished.complete:
        _say(f"stopped at step {finished.step} of {finished.total_steps} of {finished.out}. Go on: the same command")
    return 0


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m mp_mae",
        description="Multi-pretext masked autoencoders for satellite images: pretrain and export.",
    )
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)

    verb = _add_verb(verbs, "pretrain", run_pretrain, "train an encoder on MMEarth")
    defaults = as_fields(RECIPES["paper"]("DIR"))
    described = "\n".join(
        f"  {f'{key}={_shown(defaults[key])}':28} {doc}" for key, doc in setting_docs("mp_mae").items()
    )
    for name in SHORTCUTS:
        default = "" if name == "data" else f" (default {_shown(defaults[name])})"
        verb.add_argument(
            f"--{name.replace('_', '-')}", metavar=name.upper(), help=setting_docs("mp_mae")[name] + default
        )
    verb.add_argument("--out", type=Path, required=True, help="folder of the training: checkpoints, encoder, log")
    verb.add_argument("--recipe", choices=RECIPES, default="paper", help="settings to start from (default paper)")
    verb.add_argument("--config", type=Path, metavar="FILE", help="TOML file that changes settings of the recipe")
    verb.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change any setting; repeat it")
    verb.add_argument("--resume", choices=["auto"], help="go on from the newest checkpoint in --out, if there is one")
    verb.epilog = f"settings for --set (and --config, in TOML), with their defaults:\n{described}\n\n{verb.epilog}"

    verb = _add_verb(verbs, "export", run_export, "write the encoder of a training's checkpoint")
    verb.add_argument("run", type=Path, help="folder of a training")
    verb.add_argument("out", type=Path, help="folder to write")
    verb.add_argument("--step", type=int, help="of the checkpoint (default: the newest)")

    verb = _add_verb(verbs, "convert", run_convert, "official checkpoint to our format")
    verb.add_argument("weights", type=Path, help="official .pth file")
    verb.add_argument("out", type=Path, help="folder to write")

    verb = _add_verb(verbs, "push", run_push, "upload an encoder to the Hugging Face hub")
    verb.add_argument("weights", type=Path, help="folder of an encoder, or an official .pth file")
    verb.add_argument("repository", help="user/name; created if it is not there")
    verb.add_argument("--private", action="store_true", help="create it private")

    verb = _add_verb(verbs, "reconstruct", run_reconstruct, "picture of masked tiles, predictions and targets")
    source = verb.add_mutually_exclusive_group(required=True)
    source.add_argument("--run", type=Path, help="folder of a training")
    source.add_argument("--weights", type=Path, help="official .pth file with its decoder")
    verb.add_argument("--data", required=True, help="folder of an MMEarth dataset")
    verb.add_argument("--out", type=Path, required=True, help="picture to write: .png, .pdf or .svg")
    verb.add_argument(
        "--rows", metavar="N,...", help="rows of the file (default: first of val, or of train without val)"
    )
    verb.add_argument("--tiles", type=int, default=4, help="how many of these (default 4)")
    verb.add_argument("--seed", type=int, default=0, help="of the masks (default 0)")

    verb = _add_verb(verbs, "curves", run_curves, "picture of a training's losses")
    verb.add_argument("run", type=Path, help="folder of a training")
    verb.add_argument("--out", type=Path, required=True, help="picture to write: .png, .pdf or .svg")

    verb = _add_verb(verbs, "demo", run_demo, "train the demo weights on the simulated world")
    verb.add_argument("--work", type=Path, required=True, help="folder for the simulated tiles and the trainings")
    verb.add_argument("--out", type=Path, required=True, help="folder of the encoders, one for each strategy")
    verb.add_argument("--tiles", type=int, default=10_000, help="tiles to train on (default 10000)")
    verb.add_argument("--seed", type=int, default=0, help="of the world (default 0)")
    verb.add_argument("--processes", type=int, default=2, help="that simulate (default 2)")

    verb = _add_verb(verbs, "shards", run_shards, "copy a compressed dataset without compression")
    verb.add_argument("source", type=Path, help="folder of an MMEarth dataset")
    verb.add_argument("out", type=Path, help="folder to write")
    verb.add_argument("--workers", type=int, default=2, help="reading threads (default 2)")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code: 0 done (or saved after SIGTERM), 1 the training diverged, 2 something to correct; bugs keep theirs.

    128 plus the signal's number after Ctrl-C, and after SIGTERM where there is nothing to save.
    """
    args = build_parser().parse_args(arguments)
    terminated = _InterruptOnSigterm()
    try:
        return int(args.verb(args))
    except UserError as error:
        if args.debug:
            raise
        where = f"process {_process()}: " if _process() else ""
        err.print(f"error: {where}{error}", style="red", markup=False, highlight=False, soft_wrap=True)
        return 1 if isinstance(error, NonFiniteLossError) else 2
    except KeyboardInterrupt:
        err.print("interrupted; a training goes on from its newest checkpoint with --resume auto")
        return 128 + (signal.SIGTERM if terminated.asked else signal.SIGINT)


def _add_verb(verbs: Any, name: str, run: Any, summary: str) -> argparse.ArgumentParser:
    verb: argparse.ArgumentParser = verbs.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog=f"examples:\n{EXAMPLES[name].strip(chr(10))}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verb.add_argument("--debug", action="store_true", help="show the traceback of an error")
    verb.set_defaults(verb=run)
    return verb


class _InterruptOnSigterm:
    """Has SIGTERM do what Ctrl-C does, and remembers it."""

    def __init__(self) -> None:
        self.asked = False
        signal.signal(signal.SIGTERM, self._interrupt)

    def _interrupt(self, *_: object) -> None:
        self.asked = True
        raise KeyboardInterrupt


class _StopOnSigterm:
    """Remembers that a queue wants its machine back."""

    def __init__(self) -> None:
        self._asked = False
        signal.signal(signal.SIGTERM, self._remember)

    def asked(self) -> bool:
        return self._asked

    def _remember(self, *_: object) -> None:
        self._asked = True


def _process() -> int:
    """Number of this process among those that a launcher started together."""
    return int(os.environ.get("RANK", "0"))


def _need_matplotlib(verb: str) -> None:
    if find_spec("matplotlib") is None:
        raise UserError(f"{verb} draws with matplotlib, which is not installed. Run: pip install matplotlib")


def _numbers(flag: str, text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise UserError(f"{flag} {text}: wanted numbers separated by commas, for example {flag} 3,14,15.") from error


def _shown(value: Any) -> str:
    """A setting as one would type it."""
    if value is None:
        return AUTO
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value).lower()


def _describe(folder: Path, checkpoint: Checkpoint) -> str:
    encoder = checkpoint.encoder
    return f"{folder}: encoder {encoder.size}, {encoder.patch} px patches, sha256 {checkpoint.sha256}"


def _say(text: str) -> None:
    out.print(text, markup=False, highlight=False, soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
