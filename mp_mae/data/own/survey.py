"""The images of a folder before any pixel is read: which can be used, how each is cut, which are held out."""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mp_mae.data.own.bands import Channels, channels_of
from mp_mae.data.own.choices import Choices
from mp_mae.data.own.images import PICTURES, RASTERS, BadImageError, Header, opened
from mp_mae.data.processes import map_in_order
from mp_mae.errors import UserError
from mp_mae.files.listing import visible_folders

BLOCK = 64
"""Files that a process opens before it reports."""


@dataclass(frozen=True)
class Refused:
    """A file that cannot be used, and why."""

    file: str
    """From the folder on, with slashes."""
    why: str


@dataclass(frozen=True, kw_only=True)
class Usable:
    """A file, its header, and what its channels are."""

    file: str
    header: Header
    channels: Channels

    @property
    def form(self) -> tuple[frozenset[str], str]:
        """What all images of a dataset have alike: their bands, and the type that is stored."""
        return frozenset(band for band in self.channels if band), stored_type(self.header.dtype).name


@dataclass(frozen=True)
class _Look:
    folder: Path
    files: tuple[str, ...]
    choices: Choices


def find_images(folder: Path) -> list[str]:
    """Image files below a folder, from it on, sorted. What begins with a dot and linked folders are passed over.

    Raises:
        UserError: no such folder, one that cannot be read, or no image in it.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder. Pass one that holds images.")
    found, others = [], Counter[str]()
    for where, names in visible_folders(folder):
        for name in names:
            path = where / name
            if not name.startswith(".") and path.suffix.casefold() in (*PICTURES, *RASTERS):
                found.append(path.relative_to(folder).as_posix())
            else:
                others[path.suffix or name] += 1
    if not found:
        there = ", ".join(f"{suffix} ({n})" for suffix, n in others.most_common(5)) or "nothing"
        raise UserError(f"{folder}: wanted images ({', '.join((*PICTURES, *RASTERS))}), found {there}.")
    return sorted(found)


def survey(
    folder: Path, files: Sequence[str], choices: Choices, processes: int, report: Callable[[int, int], None]
) -> tuple[list[Usable], list[Refused]]:
    """The files that can be used and those that cannot, each in their order; of bands or a type that most do not have
    is a reason.

    Args:
        report: called with the number of files that were looked at, and of all.
    """
    looks = [_Look(folder, tuple(files[at : at + BLOCK]), choices) for at in range(0, len(files), BLOCK)]
    found: list[Usable | Refused] = []
    for part in map_in_order(_look_at, looks, processes):
        found += part
        report(len(found), len(files))
    forms = Counter(each.form for each in found if isinstance(each, Usable))
    usual = forms.most_common(1)[0][0] if forms else None
    usable = [each for each in found if isinstance(each, Usable) and each.form == usual]
    refused = [
        each if isinstance(each, Refused) else _refuse_unlike(each, usual)
        for each in found
        if isinstance(each, Refused) or (usual and each.form != usual)
    ]
    return usable, refused


def held_out(files: Sequence[str], share: float) -> frozenset[str]:
    """The files for validation: those whose names have the smallest hashes, so that most stay when others come."""
    by_hash = sorted(files, key=lambda file: hashlib.sha256(file.encode()).digest())
    return frozenset(by_hash[: min(round(share * len(files)), len(files) - 1)])


def stored_type(dtype: np.dtype) -> np.dtype:
    """The type in which pixels of another one are stored: 8- and 16-bit integers as they are, else float32."""
    kept = {np.dtype(name) for name in ("uint8", "uint16", "int16")}
    return dtype if dtype in kept else np.dtype(np.int16 if dtype == np.int8 else np.float32)


def _look_at(look: _Look) -> list[Usable | Refused]:
    return [_find(look.folder, file, look.choices) for file in look.files]


def _find(folder: Path, file: str, choices: Choices) -> Usable | Refused:
    try:
        if not _is_text(file):
            raise BadImageError("its name is no UTF-8, in which datasets keep names; rename it")
        with opened(folder / file) as image:
            header = image.header
        if min(header.height, header.width) < choices.side:
            size = f"{header.width} x {header.height} px"
            raise BadImageError(f"is {size}, smaller than a tile of {choices.side} px; take a smaller --side")
        channels = choices.channels or _as_said(header)
        if len(channels) != header.n_channels:
            raise BadImageError(f"has {header.n_channels} channels; --bands names {len(channels)}")
    except BadImageError as error:
        return Refused(file, str(error))
    return Usable(file=file, header=header, channels=channels)


def _is_text(file: str) -> bool:
    """Whether a name can be written in UTF-8; systems allow any bytes."""
    return not any("\ud800" <= letter <= "\udfff" for letter in file)


def _as_said(header: Header) -> Channels:
    try:
        return channels_of(header.n_channels, header.names)
    except ValueError as error:
        raise BadImageError(str(error)) from error


def _refuse_unlike(image: Usable, usual: tuple[frozenset[str], str] | None) -> Refused:
    assert usual is not None, "it is otherwise than something"
    here, most = (f"{'+'.join(sorted(bands))} as {dtype}" for bands, dtype in (image.form, usual))
    return Refused(image.file, f"is {here}, most images are {most}; import them by themselves")
