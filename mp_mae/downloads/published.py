"""What a published dataset or a set of weights is: its files, where they are, and where they come to lie."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from mp_mae.errors import UserError

BASE_VARIABLE = "MP_MAE_BASE_URL"
_HUB_VARIABLE = "HF_ENDPOINT"
_HUB = "https://huggingface.co"


@dataclass(frozen=True, kw_only=True)
class RemoteFile:
    """One file of a place."""

    path: str
    """Below the place's address. With `{:04d}` in it: as many files as there are, numbered from 0."""
    size: int | None = None
    checksum: str | None = None
    """As `Wanted.checksum`."""


@dataclass(frozen=True, kw_only=True)
class Published:
    """One thing that can be downloaded by its name."""

    name: str
    what: str
    """In a few words, with the size where it was published."""
    base: str
    """Address that the paths are below; `hub:` stands for the Hugging Face hub."""
    files: tuple[RemoteFile, ...]
    folder: str
    """Where it comes to lie, below the folder that is given."""
    licence: str
    page: str
    """Where its makers tell of it."""
    archive: bool = False
    """Whether its one file is a zip that is unpacked."""
    may_link: tuple[str, ...] = ()
    """As `unpack`'s."""
    holds: tuple[str, ...] = ()
    """Names without which an unpacked archive is another one."""


def address(published: Published, base_url: str | None) -> str:
    """What the paths are below: as given, else $MP_MAE_BASE_URL, else the published place.

    The hub is $HF_ENDPOINT where that is set, as its own programs have it.
    """
    given = base_url or os.environ.get(BASE_VARIABLE)
    hub = os.environ.get(_HUB_VARIABLE) or _HUB
    return (given or published.base.replace("hub:", f"{hub.rstrip('/')}/", 1)).rstrip("/")


_MOST_NEAR = 3
"""Names that are suggested for an unknown one."""


def find(names: Iterable[str], table: Mapping[str, Published]) -> list[Published]:
    """What these names stand for, each once, in their order.

    Raises:
        UserError: nothing of that name is known; suggests the nearest few and says where all stand.
    """
    for name in (names := list(dict.fromkeys(names))):
        if name not in table:
            last = {known.rpartition("/")[2]: known for known in reversed(list(table))}
            near = [known for known in table if name.casefold() in known.casefold()]
            near += get_close_matches(name, table, n=_MOST_NEAR)
            near += [last[known] for known in get_close_matches(name, last, n=_MOST_NEAR)]
            few = list(dict.fromkeys(near))[:_MOST_NEAR] if name else []
            hint = f" Is it {' or '.join(few)}?" if few else ""
            raise UserError(
                f"nothing that can be downloaded is called {name!r}.{hint} All {len(table)} names: docs/downloads.md"
            )
    return [table[name] for name in names]


_ERDA = "https://sid.erda.dk/share_redirect"
_MMEARTH_PAGE = "https://github.com/vishalned/MMEarth-data"


def _mmearth(name: str, folder: str, share: str, what: str) -> Published:
    endings = ("_band_stats.json", "_splits.json", "_tile_info.json", ".h5")  # what is small first
    return Published(
        name=name,
        what=what,
        base=f"{_ERDA}/{share}",
        files=tuple(RemoteFile(path=f"{folder}{ending}") for ending in endings),
        folder=folder,
        licence="CC BY 4.0",
        page=_MMEARTH_PAGE,
    )


def _weights(name: str, what: str) -> Published:
    return Published(
        name=name,
        what=f"official weights: {what}",
        base=f"{_ERDA}/g23YOnaaTp",
        files=(RemoteFile(path=f"{name}/checkpoint-199.pth"),),
        folder=name,
        licence="as their authors say",
        page="https://vishalned.github.io/mmearth",
    )


PRETRAINING: dict[str, Published] = {
    published.name: published
    for published in (
        _mmearth("mmearth64", "data_1M_v001_64", "bX5JzPuwJF", "1.2 M tiles of 64 px, 152 GB"),
        _mmearth("mmearth100k", "data_100k_v001", "CoaUojVXzu", "100,000 tiles of 128 px, 48 GB"),
        _mmearth("mmearth", "data_1M_v001", "ChL1BoVEyH", "1.2 M tiles of 128 px, 597 GB"),
        _weights("pt-all_mod_atto_1M_64_uncertainty_56-8", "all modalities, MMEarth64"),
        _weights("pt-all_mod_atto_1M_64_unweighted_56-8", "all modalities, MMEarth64, losses unweighted"),
        _weights("pt-all_mod_atto_1M_128_uncertainty_112-16", "all modalities, MMEarth"),
        _weights("pt-all_mod_atto_100k_128_uncertainty_112-16", "all modalities, MMEarth100k"),
        _weights("pt-S2_atto_1M_64_uncertainty_56-8", "Sentinel-2 alone, MMEarth64"),
    )
}
"""MMEarth and MMEarth's own weights, by name."""
