"""What is wrong with an entry that cannot be used."""

from harness.errors import UserError


class DamagedError(UserError):
    """An entry is not what was written. It has been given up, so that the next to ask for it has it made anew."""
