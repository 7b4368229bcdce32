"""What is said of a training that waits for its data, where something can be done about it."""

from mp_mae.data.files import MMEarthFiles
from mp_mae.training.log import StepRecord

MUCH = 0.2
"""Share of a step spent waiting for data that is worth a word."""
STEPS = 3
"""Steps in a row that have to be like that: the first ones of a training wait for what is not read ahead yet."""


class Starving:
    """Watches steps; speaks once."""

    def __init__(self, files: MMEarthFiles) -> None:
        self._h5 = files.paths.h5
        self._in_a_row = 0
        self._can_speak = not files.reader().mapped

    def word(self, record: StepRecord) -> str:
        """What to tell after this step; usually nothing, which is the empty text."""
        self._in_a_row = self._in_a_row + 1 if record.waiting > MUCH else 0
        if not self._can_speak or self._in_a_row < STEPS:
            return ""
        self._can_speak = False
        data = self._h5.parent
        unpacked = data.parent / "unpacked" / data.name  # the same name: a training knows its data by it
        return (
            f"{record.waiting:.0%} of the time is spent waiting for rows of {self._h5.name}, which are compressed. "
            f"Have more readers (--set workers=8), or stop, unpack them once and go on with --data {unpacked} "
            f"--resume auto: python -m mp_mae shards {data} {unpacked}"
        )
