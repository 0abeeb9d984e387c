"""What a start-up spends its time on."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Ledger:
    """Seconds by phase, in the order in which they began.

    Attributes
    ----------
    seconds : dict of str to float
        The time of an inner phase is not part of the phase around it.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._current: list[str] = []
        self._since = 0.0

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Put the time until the end of this block on *name*."""
        self._turn()
        self._current.append(name)
        self.seconds.setdefault(name, 0.0)
        try:
            yield
        finally:
            self._turn()
            self._current.pop()

    def _turn(self) -> None:
        now = time.monotonic()
        if self._current:
            self.seconds[self._current[-1]] += now - self._since
        self._since = now
