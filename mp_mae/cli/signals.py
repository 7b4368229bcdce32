"""What SIGTERM does: queues send it when they want their machine back."""

import signal


class InterruptOnSigterm:
    """A handler that has SIGTERM do what Ctrl-C does, and remembers it."""

    def __init__(self) -> None:
        self.asked = False
        signal.signal(signal.SIGTERM, self._interrupt)

    def _interrupt(self, *_: object) -> None:
        self.asked = True
        raise KeyboardInterrupt


class StopOnSigterm:
    """A handler that remembers SIGTERM until somebody asks: a training then saves before it ends."""

    def __init__(self) -> None:
        self._asked = False
        signal.signal(signal.SIGTERM, self._remember)

    def asked(self) -> bool:
        return self._asked

    def _remember(self, *_: object) -> None:
        self._asked = True
