"""Work that others wait for, on a thread that keeps no server from ending."""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import TypeVar

T = TypeVar("T")


class InOrder:
    """Runs one work at a time, in the order in which they were asked for; no executor, for whose threads Python waits.

    Parameters
    ----------
    name : str
        Of the thread, which there is as long as there is work.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._works: deque[Callable[[], None]] = deque()
        self._changing = threading.Lock()

    def submit(self, work: Callable[[], T]) -> Future[T]:
        """What *work* returns or raises; whoever cancels it before its turn takes it back."""
        done: Future[T] = Future()
        with self._changing:
            self._works.append(partial(_settle, done, work))
            if len(self._works) == 1:
                try:
                    threading.Thread(target=self._run, name=self._name, daemon=True).start()
                except RuntimeError:  # there are as many threads as there may be
                    self._works.clear()
                    raise
        return done

    def _run(self) -> None:
        while True:
            self._works[0]()
            with self._changing:
                self._works.popleft()
                if not self._works:
                    return


def _settle(done: Future[T], work: Callable[[], T]) -> None:
    if not done.set_running_or_notify_cancel():
        return
    try:
        done.set_result(work())
    except BaseException as error:  # noqa: BLE001 - whoever waits would wait for ever
        done.set_exception(error)
