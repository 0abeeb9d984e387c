"""How long fetching may take, whatever a store does."""

import queue
import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

#: What a call may need to notice the end by itself, and to say how far it came.
GRACE_S = 0.5


class Deadline:
    """A moment of the monotonic clock.

    Parameters
    ----------
    timeout_s : float
        From now.
    """

    def __init__(self, timeout_s: float) -> None:
        self.timeout_s = timeout_s
        self._ends = time.monotonic() + timeout_s

    def remaining_s(self) -> float:
        """Never negative."""
        return max(0.0, self._ends - time.monotonic())

    def run(self, call: Callable[[], T]) -> T:
        """What *call* returns or raises.

        A socket's timeout bounds the silence between two bytes, not the whole answer, so a call that is not over in
        time is left behind in its thread.

        Raises
        ------
        TimeoutError
        """
        outcome: queue.SimpleQueue[tuple[T | None, BaseException | None]] = queue.SimpleQueue()

        def work() -> None:
            try:
                outcome.put((call(), None))
            except BaseException as error:  # noqa: BLE001 - raised again where the caller waits
                outcome.put((None, error))

        threading.Thread(target=work, name="fetch", daemon=True).start()
        try:
            result, error = outcome.get(timeout=self.remaining_s() + GRACE_S)
        except queue.Empty:
            raise TimeoutError from None
        if error is not None:
            raise error
        return result  # type: ignore[return-value]
