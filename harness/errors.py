"""The one error of this package that is the user's to fix."""


class UserError(Exception):
    """Bad input. The message says where, what was wanted, what was found and what to do next."""
