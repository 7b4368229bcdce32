"""The tensors of a file by name, whatever they are wrapped in: a dictionary in a dictionary is a prefix of names.

`{"state_dict": {"module.conv.weight": tensor}}` has one tensor, `state_dict.module.conv.weight`. So wrappers of files
and wrappers of models are one thing, and a model's tensors are those behind one prefix. Of several such sets a user
names one behind the file: `FILE#model_ema`.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from mp_mae.errors import UserError
from mp_mae.files.numpy_pickles import StoredArray
from mp_mae.files.weights_file import load_safetensors, load_weights_only

_MAX_DEPTH = 8
_MAX_NAMES = 200_000


class Place(NamedTuple):
    """A file, and which of the sets of tensors in it is meant."""

    file: Path
    chosen: str | None
    """None: the only one there is."""


def find_place(path: Path) -> Place:
    """What `FILE` or `FILE#SET` names. A file whose own name has that sign is found before it is cut."""
    name, sign, chosen = path.name.rpartition("#")
    return Place(path, None) if path.exists() or not (sign and name) else Place(path.with_name(name), chosen)


def read_named_tensors(path: Path, advice: str) -> dict[str, Any]:
    """All that a file holds under dotted names: safetensors by its suffix, else what torch.save wrote.

    Lists and what has no name are left out; NumPy's arrays of numbers are tensors.

    Raises:
        UserError: it cannot be read, holds nothing by name, or more than any model.
    """
    content = load_safetensors(path, advice) if path.suffix == ".safetensors" else load_weights_only(path)
    if not isinstance(content, dict):
        raise UserError(f"{path}: wanted tensors by name, found {type(content).__name__}. {advice}")
    named: dict[str, Any] = {}
    for n_seen, (name, value) in enumerate(_walk(content, "", 0)):
        if n_seen >= _MAX_NAMES:  # a maze of dictionaries has no end
            raise UserError(f"{path}: wanted tensors by name, found more than {_MAX_NAMES} names. {advice}")
        if name in named:
            raise UserError(f"{path}: it holds {name} twice, once in a dictionary. {advice}")
        if not isinstance(value, dict):
            array = value.tensor() if isinstance(value, StoredArray) else None
            named[name] = value if array is None else array
    return named


def _walk(content: Mapping[Any, Any], prefix: str, depth: int) -> Iterator[tuple[str, Any]]:
    """Everything with a name, dictionaries before what they hold."""
    for key, value in content.items():
        if isinstance(key, str):
            yield f"{prefix}{key}", value
            if isinstance(value, dict) and depth < _MAX_DEPTH:
                yield from _walk(value, f"{prefix}{key}.", depth + 1)


def choose(fitting: Iterable[str], place: Place, what: str) -> str:
    """The prefix that is meant, of those that could be: the only one, or the one that the user named.

    Args:
        fitting: each prefix ends in a dot, or is empty.
        what: it is, for the message.
    Raises:
        UserError: several could be and none was named, or another one was.
    """
    labels = {prefix: prefix.rstrip(".") for prefix in fitting}
    meant = [prefix for prefix, label in labels.items() if place.chosen is None or _is_in(label, place.chosen)]
    if len(meant) == 1:
        return meant[0]
    if place.chosen is None or meant:
        said = " or ".join(f"{place.file}#{label}" for label in labels.values() if label)
        raise UserError(f"{place.file}: it holds {len(labels)} sets of tensors that are {what}. Say which: {said}")
    raise UserError(
        f"{place.file}: {place.chosen!r} is no set of tensors in it that is {what}; "
        f"there is {', '.join(label or 'the file itself' for label in labels.values())}"
    )


def _is_in(label: str, chosen: str) -> bool:
    return f"{label}.".startswith(f"{chosen}.")
