"""What installed packages add to us: entry points of a group, found without loading any."""

import sys
from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points


def find_plug_ins(group: str) -> Mapping[str, tuple[EntryPoint, ...]]:
    """Entry points of a group by name, of all packages that are installed on Python's search path."""
    return find_along(group, tuple(sys.path))


@cache
def find_along(group: str, search_path: tuple[str, ...]) -> dict[str, tuple[EntryPoint, ...]]:
    """Entry points along a search path, looked up once for each, as going through all packages takes a while.

    Args:
        search_path: Python's own, `sys.path`, at this moment.
    """
    found: dict[str, tuple[EntryPoint, ...]] = {}
    for point in entry_points(group=group):
        found[point.name] = (*found.get(point.name, ()), point)
    return found


def package_of(point: EntryPoint) -> str:
    """The name and version of the package that an entry point belongs to."""
    return f"{point.dist.name} {point.dist.version}" if point.dist else "a package without metadata"
