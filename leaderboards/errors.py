"""The one error of this package that is the user's to fix."""


class UserError(Exception):
    """Bad input. The message says where, what was wanted, what was found and what to do next."""


class UnavailableError(UserError):
    """The file cannot be written now and may be later: locked, gone, read-only, or the disk is full."""
