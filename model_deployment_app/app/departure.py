"""Forgets a prediction whose client has gone."""

import asyncio
from collections.abc import Generator
from typing import Any

from starlette.types import Receive

from ..tensors import Tensors


async def unless_gone(receive: Receive, answer: asyncio.Future[Tensors]) -> Tensors | None:
    """Wait for *answer*; if the client goes away first, cancel it, and return None.

    Parameters
    ----------
    receive : callable
        Of ASGI; the body has been read from it.
    answer : Future
    """
    departure = _Departure(receive, answer)
    try:
        return await answer
    except asyncio.CancelledError:
        if departure.has_happened:
            return None
        raise
    finally:
        departure.forget()


class _Departure:
    """Whether the client has gone: ``receive`` is the only one who knows.

    A task that awaits it would cost as much as all else that is done for a small request: so its coroutine is run up to
    the future that it waits for, and left there.
    """

    def __init__(self, receive: Receive, answer: asyncio.Future[Tensors]) -> None:
        self._answer = answer
        self._receiving: Generator[Any, None, Any] = receive().__await__()
        self.has_happened = False
        self._wait()

    def forget(self) -> None:
        self._receiving.close()

    def _wait(self, _: object = None) -> None:
        if self._answer.done():
            return
        try:
            waits_for = next(self._receiving)
        except StopIteration as end:
            if end.value["type"] == "http.disconnect":
                self.has_happened = True
                self._answer.cancel()
            return
        # What a task does with the future that its coroutine yields.
        waits_for._asyncio_future_blocking = False
        waits_for.add_done_callback(self._wait)
