"""Downloads one after the other, and the line that tells of each."""

from collections.abc import Callable, Sequence
from pathlib import Path

from mp_mae.downloads.http import Patience
from mp_mae.downloads.obtain import Obtained, obtain
from mp_mae.downloads.published import Published
from mp_mae.downloads.watch import Watch
from mp_mae.errors import UserError


def download_all(
    wanted: Sequence[Published],
    root: Path,
    base_url: str | None,
    timeout_s: float,
    watch: Watch,
    say: Callable[[str], None],
) -> list[str]:
    """Download one thing after the other into `root`; one that fails does not keep the others from being fetched.

    Args:
        say: gets a line on each that is there.
    Returns:
        A line on each that failed.
    Raises:
        UserError: the timeout is no time.
    """
    if not timeout_s > 0:
        raise UserError(f"--timeout {timeout_s:g}: a number of seconds above 0 is wanted, 60 for example")
    failed = []
    for published in wanted:
        try:
            say(_line(published, obtain(published, root, base_url, Patience(timeout_s=timeout_s), watch)))
        except UserError as error:
            failed.append(str(error))
    return failed


def _line(published: Published, got: Obtained) -> str:
    if not got.n_bytes:
        return f"{published.name}: is there already ({got.folder}); remove the folder to fetch it anew"
    vouched = "checksums agree"
    if got.unchecked:
        more = f" and {len(got.unchecked) - 1} more" if len(got.unchecked) > 1 else ""
        vouched = f"no checksum is published of {got.unchecked[0]}{more}, the length agrees"
    return f"{published.name}: {got.folder} ({got.n_bytes / 1e6:,.1f} MB fetched; {vouched}; {published.licence})"
