"""The verbs that look after the cache: `cache list`, `cache prune`."""

from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.options.run import CacheDir
from harness.cli.terminal import (
    DEFAULT_CACHE,
    KEEPING,
    Debug,
    Format,
    FormatOption,
    err,
    out,
    say,
    show_rows,
    user_errors,
)
from harness.show.quantities import describe_size, parse_size

if TYPE_CHECKING:
    from harness.store.upkeep import Listed
    from leaderboards.query import Table

_LIST_EXAMPLES = """Examples:

`python -m harness cache list`

`python -m harness cache list --cache-dir /scratch/cache --format csv`
"""
_PRUNE_EXAMPLES = """Examples:

`python -m harness cache prune` (what no command can use any more)

`python -m harness cache prune --max-size 100GB`

`python -m harness cache prune --max-size 0` (everything that is not in use)
"""


def register(app: typer.Typer) -> None:
    """Add the group `cache` to the command line."""
    group = typer.Typer(
        help="Look after the cache: datasets as arrays, features of images and of pixels.", no_args_is_help=True
    )
    group.command("list", epilog=_LIST_EXAMPLES)(list_)
    group.command(epilog=_PRUNE_EXAMPLES)(prune)
    app.add_typer(group, name="cache", rich_help_panel=KEEPING)


def list_(cache_dir: CacheDir = DEFAULT_CACHE, form: FormatOption = Format.table, debug: Debug = False) -> None:
    """List what is in the cache, what was used last first: its size, when it was last used, and whether it is now.

    All of it can be made again. `unusable` are entries of another version of the harness, and such as were found
    damaged; `cache prune` removes them. It leaves alone what is `unreadable`, because the disk refuses it. Tuning
    studies and the simulated suite, which lie in the same folder, are not listed and never pruned.
    """
    with user_errors(debug):
        from harness.store.upkeep import list_entries

        entries = list_entries(cache_dir)
        show_rows(_table(entries) if form is Format.table else _plain_table(entries), form)
        say(err, f"{describe_size(sum(entry.n_bytes for entry in entries))} in {len(entries)} entries of {cache_dir}")


def prune(
    cache_dir: CacheDir = DEFAULT_CACHE,
    max_size: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE",
            help="Remove what was not used for longest until no more than SIZE is left: bytes, or a number with kB, "
            "MB, GB or TB (powers of 1000). Default: remove only what cannot be used.",
        ),
    ] = None,
    debug: Debug = False,
) -> None:
    """Make room: remove what killed commands left behind and what no command can use, and more if --max-size says so.

    What a running command uses or makes is never removed, even if more than --max-size is left then. Nothing is lost
    but time: whatever was removed is made again when it is wanted.
    """
    with user_errors(debug):
        from harness.store.upkeep import State
        from harness.store.upkeep import prune as prune_entries

        pruned = prune_entries(cache_dir, None if max_size is None else parse_size("--max-size", max_size))
        for entry in pruned.removed:
            say(out, f"removed {entry.kind.noun} of {entry.title} ({describe_size(entry.n_bytes)}, {entry.state})")
        if pruned.n_leftovers:
            say(out, f"removed {pruned.n_leftovers} leftovers of killed commands")
        for entry in pruned.kept:
            if entry.state is State.UNREADABLE:
                say(err, f"left alone: {entry.kind.folder}/{entry.directory.name} cannot be read ({entry.fault})")
        left = f"{describe_size(sum(entry.n_bytes for entry in pruned.kept))} in {len(pruned.kept)} entries"
        in_use = [entry for entry in pruned.kept if entry.state is State.IN_USE]
        used = f", {describe_size(sum(entry.n_bytes for entry in in_use))} of it in use" if in_use else ""
        say(err, f"{describe_size(sum(entry.n_bytes for entry in pruned.removed))} freed; {left} left{used}")


def _table(entries: "list[Listed]") -> "Table":
    """The entries as people read them."""
    from leaderboards.query import Table

    columns = ("kind", "of", "size", "last used", "state", "folder")
    rows = [
        (
            entry.kind.noun,
            entry.title,
            describe_size(entry.n_bytes),
            entry.last_used.astimezone().strftime("%Y-%m-%d %H:%M"),
            entry.state.value,
            f"{entry.kind.folder}/{entry.directory.name}",
        )
        for entry in entries
    ]
    return Table(columns=columns, rows=rows)


def _plain_table(entries: "list[Listed]") -> "Table":
    """The entries as programs read them: bytes, and times as ISO 8601 in UTC."""
    from leaderboards.query import Table

    columns = ("kind", "title", "bytes", "last_used", "state", "path")
    rows = [
        (
            entry.kind.folder,
            entry.title,
            entry.n_bytes,
            entry.last_used.isoformat(timespec="seconds"),
            entry.state.value,
            str(entry.directory),
        )
        for entry in entries
    ]
    return Table(columns=columns, rows=rows)
