"""Where data lie, and which suites and datasets are there."""

import os
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import replace
from pathlib import Path

from harness.data.sources import SOURCES
from harness.data.sources.source import OWN
from harness.errors import UserError
from harness.records.job import DatasetRef
from leaderboards.simulated import SIMULATED

_ROOT_VARIABLE = "GEO_BENCH_DIR"
_DEFAULT_ROOT = Path("~/dataset/geobench")
HOW_TO_GET = (
    "To get data: python -m harness data download m-eurosat --out DIR; then pass DIR as --geobench-dir (more names: "
    "docs/downloads.md)"
)


def has_no_data(option: Path | None) -> bool:
    """Whether nobody said where GEO-Bench is and it is not in the default place: then the demo suite serves."""
    return option is None and not os.environ.get(_ROOT_VARIABLE) and not _DEFAULT_ROOT.expanduser().is_dir()


def data_place(option: Path | None) -> Path:
    """Where the suites are said to be: by the option, else $GEO_BENCH_DIR, else ~/dataset/geobench. Nothing is read."""
    return _place_and_origin(option)[0]


def find_root(option: Path | None) -> Path:
    """The directory there.

    Raises:
        UserError: it is not a directory; says which of the three was tried and how to get the data.
    """
    root, origin = _place_and_origin(option)
    if not root.is_dir():
        raise UserError(f"no GEO-Bench data: {root} ({origin}) is not a directory. {HOW_TO_GET}")
    return root


def _place_and_origin(option: Path | None) -> tuple[Path, str]:
    variable = os.environ.get(_ROOT_VARIABLE)
    if option is not None:
        root, origin = option, "given as --geobench-dir"
    elif variable:
        root, origin = Path(variable), f"given by ${_ROOT_VARIABLE}"
    else:
        root, origin = _DEFAULT_ROOT, f"the default, as neither --geobench-dir nor ${_ROOT_VARIABLE} is set"
    return root.expanduser(), origin


def user_suite(name: str) -> str:
    """The suite of somebody's own data, which are ranked by themselves."""
    return f"{OWN}:{name}"


def discover(root: Path) -> list[DatasetRef]:
    """Every dataset of every source below a root, by suite, folder and name.

    The suite is what a dataset's own files prove; others that lie in its folder are their user's. Of their user's, two
    of one name in two folders are of suites of their own, so that nothing that is stored mixes them.

    Raises:
        UserError: there is none, or `root` is a suite or a dataset itself; says which directory to pass.
    """
    own = user_suite(root.resolve().name)
    found = [
        DatasetRef(name=path.name, suite=suite if source.proves(path) else own, directory=path, source=source.name)
        for source in SOURCES.values()
        for folder, suite in source.suites.items()
        if (root / folder).is_dir()
        for path in source.find(root / folder)
    ]
    if not found:
        raise UserError(_why_none(root.resolve()))
    called = Counter((ref.suite, ref.name) for ref in found)
    found = [
        replace(ref, suite=f"{ref.suite}:{ref.directory.parent.name}") if called[ref.suite, ref.name] > 1 else ref
        for ref in found
    ]
    return sorted(found, key=lambda ref: (ref.suite, ref.qualified_name))


def find_named(root: Path, names: Collection[str]) -> list[DatasetRef]:
    """The datasets below a root that are called so, all if no name is given; none where there is no data."""
    try:
        there = discover(root)
    except UserError:  # said when the data are wanted
        return []
    return [ref for ref in there if not names or not set(ref.names).isdisjoint(names)]


def tell_apart(refs: Iterable[DatasetRef]) -> dict[DatasetRef, str]:
    """What each dataset is called among these: its name, after its suite where another suite has that name too."""
    refs = list(dict.fromkeys(refs))
    counts = Counter(ref.name for ref in refs)
    return {ref: ref.name if counts[ref.name] == 1 else ref.qualified_name for ref in refs}


def _why_none(root: Path) -> str:
    suites = {folder: suite for source in SOURCES.values() for folder, suite in source.suites.items()}
    wanted = [folder for folder, suite in suites.items() if suite not in (*SIMULATED, OWN)]
    if root.parent.name in suites:
        return f"{root} is one dataset; pass the directory that holds {' and '.join(wanted)}: {root.parent.parent}"
    if root.name in suites:
        return f"{root} is one suite; pass the directory above it: {root.parent}"
    if any((root / folder).is_dir() for folder in suites):
        return f"{root}: no dataset in {' or '.join(wanted)}; zip files may still be to unzip. {HOW_TO_GET}"
    return f"{root} holds no dataset: {' or '.join(wanted)} is wanted in it. {HOW_TO_GET}"
