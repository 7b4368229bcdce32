"""The one error of this package that is the user's to fix."""


class UserError(Exception):
    """Bad input. The message says where, what was wanted, what was found and what to do next."""


class NotHereError(UserError):
    """Weights or a package that others have are not on this machine. The message says how they get here."""


class AgreedError(UserError):
    """An error that every process of a training raises, with the same message: the first one prints it."""


class NonFiniteLossError(AgreedError):
    """A loss or the gradient became infinite or not a number. Nothing of that step was kept."""
