"""Find a model's weights in a file, in whatever layout people have them, or say what the file holds instead.

A set of tensors is what stands behind one prefix of names (`mp_mae.files.named_tensors`): `state_dict`, `model_ema`,
`teacher.backbone`, or the file itself. It is the model's if it has every tensor of it, in its shape and of numbers, and
nothing else but what is known to be spare. Exactly one set must be the model's; otherwise nothing is loaded.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mp_mae.errors import UserError
from mp_mae.files.named_tensors import choose, find_place, read_named_tensors
from mp_mae.files.weights_file import describe_wrong

Rename = Callable[[dict[str, Tensor]], Mapping[str, Tensor]]
_SHOWN = 5
"""Tensors of each kind that a message names."""
_CONFUSED = (RuntimeError, ValueError, LookupError, NotImplementedError, AttributeError, TypeError)
"""What functions that rename tensors raise on names of another model."""


@dataclass(frozen=True)
class Found:
    """A model's weights in a file."""

    state: dict[str, Tensor]
    """Every tensor of the model under its name and in its type, ready for `load_state_dict`; those that the file may
    lack and does are as the model has them."""
    place: str
    """The file's name and, behind `#`, the set of tensors in it, if there are any around: for `Origin.description`."""


def find_weights(
    path: Path,
    model: nn.Module,
    *,
    what: str,
    advice: str,
    may_lack: Set[str] = frozenset(),
    spare: Sequence[str] = (),
    rename: Rename = dict,
) -> Found:
    """A model's weights, of a file or of the set in it that is named behind `#`.

    Args:
        path: safetensors by its suffix, else written by torch.save; `FILE#model_ema` where several sets fit.
        what: they are wanted to be, after "not" and "that are": "the weights of timm's resnet18".
        advice: ends an error; says what to do next.
        may_lack: tensors of the model that may be absent. What counts (integers and the like) always may.
        spare: tensors whose names start so may be there, and are left out.
        rename: from the names of those who distribute the weights to the model's; may raise on others'.
    Raises:
        UserError: no set of tensors is the model's, or several that differ are and none was named.
    """
    place = find_place(path)
    named = read_named_tensors(place.file, advice)
    own = model.state_dict()
    wanted = {name: tensor.shape for name, tensor in own.items() if tensor.is_floating_point() and name not in may_lack}
    sets = [_compare(named, prefix, own, wanted, spare, rename) for prefix in _prefixes(named, len(wanted))]
    fitting = {one.prefix: _in_types_of(own, one.state) for one in sets if not one.n_problems}
    if not fitting:
        raise UserError(f"{place.file}: not {what}: {_describe(sets)}. {advice}")
    first, *others = fitting.values()
    if place.chosen is None and all(_equal(first, other) for other in others):
        chosen = next(iter(fitting))
    else:
        chosen = choose(fitting, place, what)
    return Found(fitting[chosen], f"{place.file.name}#{chosen}".rstrip("#."))


@dataclass(frozen=True)
class _Set:
    """What stands behind one prefix, and what keeps it from being the model's."""

    prefix: str
    state: Mapping[str, Any]
    missing: Sequence[str] = ()
    unexpected: Sequence[str] = ()
    wrong: Sequence[str] = ()

    @property
    def n_problems(self) -> int:
        return len(self.missing) + len(self.unexpected) + len(self.wrong)

    @property
    def n_right(self) -> int:
        return len(self.state) - len(self.unexpected) - len(self.wrong)


def _prefixes(named: Mapping[str, Any], n_wanted: int) -> list[str]:
    """Every prefix behind which there may be a model, that is at least half as many names; the shortest first."""
    counts = Counter(prefix for name in named for prefix in _prefixes_of(name))
    least = min(n_wanted, len(named)) / 2
    return sorted((prefix for prefix, count in counts.items() if count >= least), key=len)


def _prefixes_of(name: str) -> list[str]:
    parts = name.split(".")
    return ["".join(f"{part}." for part in parts[:n]) for n in range(len(parts))]


def _compare(
    named: Mapping[str, Any],
    prefix: str,
    own: Mapping[str, Tensor],
    wanted: Mapping[str, torch.Size],
    spare: Sequence[str],
    rename: Rename,
) -> _Set:
    there = {name.removeprefix(prefix): value for name, value in named.items() if name.startswith(prefix)}
    tensors = {name: value for name, value in there.items() if isinstance(value, Tensor)}
    try:
        renamed = rename(tensors)
    except _CONFUSED as error:
        return _Set(prefix, {}, missing=sorted(wanted), wrong=[f"its names: {error}".partition("\n")[0][:200]])
    others = {name: value for name, value in there.items() if name in own and name not in tensors}
    every = {**renamed, **others}
    state = {name: value for name, value in every.items() if name in own or not name.startswith(tuple(spare))}
    shapes = {name: own[name].shape for name in state.keys() & own.keys() if own[name].is_floating_point()}
    return _Set(
        prefix,
        state,
        missing=sorted(wanted.keys() - state.keys()),
        unexpected=sorted(state.keys() - own.keys()),
        wrong=describe_wrong(state, shapes),
    )


def _describe(sets: Sequence[_Set]) -> str:
    """The set that is nearest to being the model's and what it lacks; of another model's weights, all of them."""
    if not sets:
        return "it holds no tensors by name"
    nearest = min(sets, key=lambda one: one.n_problems)
    if nearest.n_right < len(nearest.missing) + len(nearest.wrong):
        nearest = sets[0]
    problems = [
        f"{label} {list(names[:_SHOWN])}" + f" and {len(names) - _SHOWN} more" * (len(names) > _SHOWN)
        for label in ("missing", "unexpected", "wrong")
        if (names := getattr(nearest, label))
    ]
    where = f"of its sets of tensors {nearest.prefix.rstrip('.')} is nearest, " if nearest.prefix else ""
    return where + ", ".join(problems)


def _in_types_of(own: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: state.get(name, tensor).to(tensor.dtype) for name, tensor in own.items()}


def _equal(first: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    return all(torch.equal(tensor, other[name]) for name, tensor in first.items())
