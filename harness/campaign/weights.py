"""`--weights`: which backbone each path is for, and which checkpoints have a name of their own."""

import re
from collections.abc import Collection, Iterable
from pathlib import Path

from baselines.entry import plain_name
from baselines.registry import backbone_names, check_name, find_backbone, is_backbone
from baselines.table import BACKBONES
from harness.errors import UserError


def read_weights(given: Iterable[str], backbones: tuple[str, ...]) -> tuple[tuple[str, ...], dict[str, Path]]:
    """The named checkpoints, which are backbones beside the chosen ones, and the weights of these and of those.

    Raises:
        UserError: a path that is for no backbone, for which there is no file, or whose name another has.
    """
    checkpoints, others = name_checkpoints(given, backbones)
    assigned = {**assign_weights(others, backbones), **checkpoints}
    check_there(assigned.values())
    return tuple(checkpoints), assigned


def assign_weights(given: Iterable[str], backbones: tuple[str, ...]) -> dict[str, Path]:
    """Weights by backbone from `PATH` (for the one chosen backbone that takes weights) or `BACKBONE=PATH`.

    Those of a built-in backbone serve every wish behind its name, too: `clip=PATH` also `clip?embedding=average`.
    """
    takers = [name for name in backbones if find_backbone(name).weights != "none"]
    of_plain = {name: plain if (plain := plain_name(name)) in BACKBONES else name for name in takers}
    known = {*backbones, *backbone_names()}
    assigned: dict[str, Path] = {}
    for text in given:
        named = [name for name in known if text.startswith(f"{name}=")]
        name = max(named, key=len, default="")  # a name and a path may hold equals signs, too
        path = text.removeprefix(f"{name}=")
        if not named:
            if len(set(of_plain.values())) != 1:
                raise UserError(
                    f"--weights {text}: which backbone is it for? Of those chosen {', '.join(takers) or 'none'} can "
                    "take weights. Say --weights BACKBONE=PATH"
                )
            name, path = of_plain[takers[0]], text
        if name not in {*takers, *of_plain.values()}:
            raise UserError(f"--weights {text}: {name} is not chosen or takes no weights. Add --backbone {name}")
        if name in assigned:
            raise UserError(
                f"--weights {text}: {name} already has {assigned[name]}. Give both a name: --weights "
                f"first={assigned[name]}:{name} --weights second={path}:{name}"
            )
        assigned[name] = Path(path).expanduser()
    return {name: own for name, plain in of_plain.items() if (own := assigned.get(name) or assigned.get(plain))}


def name_checkpoints(given: Iterable[str], backbones: Collection[str]) -> tuple[dict[str, Path], list[str]]:
    """The checkpoints that are given a name, `NAME=PATH:BACKBONE`, each as a backbone `NAME=BACKBONE`; and the others.

    Raises:
        UserError: a name that two have, or that a backbone has.
    """
    known, named, others = {*backbones, *backbone_names()}, dict[str, Path](), list[str]()
    for text in given:
        name, _, place = text.partition("=")
        backbone = None if name in known or not re.fullmatch(r"[\w.-]+", name) else _backbone_behind(place)
        if backbone is None:
            others.append(text)
            continue
        if any(called.partition("=")[0] == name for called in named):
            raise UserError(f"--weights {text}: another checkpoint is called {name} already")
        named[f"{name}={backbone}"] = Path(place.removesuffix(f":{backbone}")).expanduser()
        check_name(f"{name}={backbone}")
    return named, others


def _backbone_behind(place: str) -> str | None:
    """What stands behind a path and a colon, where that is a backbone. Its name may hold colons too."""
    behind = [place[at + 1 :] for at, letter in enumerate(place) if letter == ":"]
    return next((name for name in behind if is_backbone(name)), None)


def check_there(paths: Iterable[Path]) -> None:
    """Refuse weights that are not there, before anything is built; `FILE#model_ema` is a part of a file."""
    for path in paths:
        if not path.exists() and not Path(str(path).partition("#")[0]).exists():
            raise UserError(
                f"--weights {path}: no such file or folder. Expected PATH, BACKBONE=PATH, or NAME=PATH:BACKBONE for "
                "one of several checkpoints"
            )
