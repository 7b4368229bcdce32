"""A progress that remembers what it was told."""

from harness.records.progress import Silent


class Log(Silent):
    """Remembers what it was told."""

    def __init__(self):
        self.steps, self.units, self.notices = [], 0, []

    def step(self, description, total):
        self.steps.append((description, total))
        return super().step(description, total)

    def advance(self, units=1):
        self.units += units

    def notice(self, message):
        self.notices.append(message)
