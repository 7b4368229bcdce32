"""The harness's errors. A `UserError` is for whoever runs it to mend; whatever else is raised is a bug."""

import traceback

import leaderboards.errors
import mp_mae.errors


class UserError(Exception):
    """Bad input. The message says where, what was wanted, what was found and what to do next."""

    traceback: str | None = None
    """Kept where nobody foresaw what went wrong; `--debug` prints it."""

    def _render_traceback_(self) -> list[str]:
        """What IPython shows in place of a traceback."""
        return [f"UserError: {self}"]


class DoesNotApplyError(UserError):
    """A run that makes no sense here: the plan leaves it out and says why, which is no failure."""


class NotHereError(UserError):
    """Weights or a package that others have are not on this machine: no failure of whoever asked for all there is."""


class UnforeseenError(UserError):
    """What nobody foresaw went wrong in one thing: in a plug-in, in a library or in ourselves.

    It costs the runs that need this thing and no others, so it is told in one line like any other failure.
    """

    def __init__(self, cause: Exception) -> None:
        words = " ".join(str(cause).split())
        shortened = words if len(words) <= 300 else f"{words[:300]} ..."
        super().__init__(f"{type(cause).__name__}: {shortened}")
        self.traceback = "".join(traceback.format_exception(cause))


def as_user_error(error: Exception) -> UserError:
    """An error as it is told at the borders between runs, wherever it comes from."""
    if isinstance(error, UserError):
        return error
    if isinstance(error, mp_mae.errors.NotHereError):
        return NotHereError(str(error))
    foreseen = isinstance(error, leaderboards.errors.UserError | mp_mae.errors.UserError)
    return UserError(str(error)) if foreseen else UnforeseenError(error)
