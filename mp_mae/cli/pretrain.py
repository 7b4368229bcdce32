"""`pretrain`: train an encoder on MMEarth."""

import argparse
from pathlib import Path
from typing import Any

from mp_mae.cli.signals import StopOnSigterm
from mp_mae.cli.verb import STOPPED, Verb, err, process_number, say
from mp_mae.config import check_choice
from mp_mae.errors import UserError
from mp_mae.training.objectives import find_objective, objective_names
from mp_mae.training.progress import build_reporter, count_steps
from mp_mae.training.recipes import RECIPES
from mp_mae.training.setting_values import AUTO, read_toml
from mp_mae.training.settings import Settings, as_fields, parse_assignment, setting_docs, vary

SHORTCUTS = ("data", "preset", "size", "epochs", "batch", "micro_batch", "seed", "device", "probe", "tracker")
"""Settings with a flag of their own; `--size tiny` is `--set size=tiny`."""

EXAMPLES = """
one machine, one device (a GPU if there is one):
  python -m mp_mae pretrain --data data_1M_v001_64 --preset all --size atto --out runs/atto
all GPUs of a machine; one optimizer step still has 4096 images:
  accelerate launch -m mp_mae pretrain --data data_1M_v001_64 --preset all --size atto --out runs/atto
told in a file (runs/*/settings.toml shows one; it may also say recipe and out), here but for the preset:
  python -m mp_mae pretrain --config run.toml
  python -m mp_mae pretrain --config run.toml --preset s2 --out runs/s2
a first look on a laptop, then on with it after an interruption (SIGTERM saves first, exit code 75):
  python -m mp_mae pretrain --recipe quick --data data_100k_v001 --set crop=64 --out runs/look
  python -m mp_mae pretrain --recipe quick --data data_100k_v001 --set crop=64 --out runs/look --resume auto
and then:
  python -m harness run --backbone mp_mae --weights runs/look/encoder
  python -m mp_mae curves runs/look --out curves.png
  python -m mp_mae reconstruct --run runs/look --data data_100k_v001 --out sheet.png"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    defaults = as_fields(RECIPES["paper"]("DIR"))
    docs = setting_docs("mp_mae")
    for name in SHORTCUTS:
        default = "" if name == "data" else f" (default {_shown(defaults[name])})"
        parser.add_argument(f"--{name.replace('_', '-')}", metavar=name.upper(), help=docs[name] + default)
    parser.add_argument("--out", type=Path, help="folder of the training: checkpoints, encoder, log")
    parser.add_argument("--recipe", choices=RECIPES, help="settings to start from (default paper)")
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="TOML file that changes settings of the recipe; may have out, recipe",
    )
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change any setting; repeat it")
    parser.add_argument("--resume", choices=["auto"], help="go on from the newest checkpoint in --out, if there is one")
    heading = "settings for --set (and --config, in TOML), with their defaults:"
    parser.epilog = f"{heading}\n{_settings()}\n\n{parser.epilog}"


def run(args: argparse.Namespace) -> int:
    from mp_mae.training.export import ENCODER  # noqa: PLC0415 - imports torch
    from mp_mae.training.loop import pretrain  # noqa: PLC0415 - imports torch

    settings, out = gather_settings(args)
    stop = StopOnSigterm()
    is_first = process_number() == 0
    reporter = build_reporter(err, is_first_process=is_first)
    finished = pretrain(settings, out, resume=args.resume == "auto", reporter=reporter, stop=stop.asked)
    if is_first and finished.complete:
        words = f"--backbone {settings.backbone} --weights {out / ENCODER}"
        say(f"{count_steps(finished.step)} done. Evaluate: python -m harness run {words}")
    elif is_first:
        say(f"stopped at step {finished.step} of {finished.total_steps}. Go on: the same command with --resume auto")
    return 0 if finished.complete else STOPPED


def gather_settings(args: argparse.Namespace) -> tuple[Settings, Path]:
    """The recipe, changed by the TOML file, changed by the flags; and the folder of the training.

    Raises:
        UserError: no data, no folder, no such recipe, an unknown key or a bad value, or a key that the command line
            sets twice.
    """
    flags: dict[str, Any] = {}
    given = [f"{name}={getattr(args, name)}" for name in SHORTCUTS if getattr(args, name) is not None]
    for key, value in map(parse_assignment, given + args.set):
        if key in flags:
            raise UserError(f"{key} is set twice on the command line: {flags[key]!r} and {value!r}. Set it once.")
        flags[key] = value
    from_file = read_toml(args.config) if args.config else {}
    out, recipe = args.out or from_file.pop("out", None), args.recipe or from_file.pop("recipe", "paper")
    for own in ("out", "recipe"):
        from_file.pop(own, None)
    check_choice("recipe", str(recipe), tuple(RECIPES))
    data = flags.get("data", from_file.get("data"))
    if data is None:
        raise UserError("no data: pass --data DIR, the folder of an MMEarth dataset.")
    if out is None:
        raise UserError("no folder to write to: pass --out DIR, which gets checkpoints, the encoder and the log.")
    settings = vary(RECIPES[recipe](str(data)), from_file, str(args.config))
    return vary(settings, flags, "command line"), Path(str(out))


def _settings() -> str:
    """A line on every setting, then on those that only another objective than the paper's has."""
    recipe = RECIPES["paper"]("DIR")
    lines = _lines(recipe)
    for name in objective_names():
        if name != recipe.objective:
            lines += _lines_of_other(recipe, name, lines)
    return "\n".join(lines)


def _lines_of_other(recipe: Settings, name: str, known: list[str]) -> list[str]:
    """A line on every setting that only this objective has; one that says what is wrong if it cannot be loaded."""
    try:
        entry, lines = find_objective(name), _lines(vary(recipe, {"objective": name}, name))
    except UserError as error:
        return [f"  with objective={name}: {error}"]
    presets = f"; preset {', '.join(entry.presets)}" if entry.presets else ""
    heading = f"  with objective={name} ({entry.summary}; size {', '.join(entry.sizes)}{presets}):"
    return [heading, *(line for line in lines if line not in known)]


def _lines(settings: Settings) -> list[str]:
    docs = setting_docs(settings.objective)
    return [f"  {f'{key}={_shown(value)}':28} {docs[key]}" for key, value in as_fields(settings).items()]


def _shown(value: Any) -> str:
    """A setting as one would type it."""
    if value is None:
        return AUTO
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


PRETRAIN = Verb(
    name="pretrain",
    summary="train an encoder on MMEarth",
    examples=EXAMPLES,
    add_arguments=add_arguments,
    run=run,
)
