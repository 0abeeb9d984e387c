"""Work that the loop waits for, on a thread that keeps no server from ending."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


async def on_a_thread(work: Callable[[], T]) -> T:
    """What *work* returns or raises: no executor, since Python would wait for its threads at its end."""
    done: Future[T] = Future()

    def run() -> None:
        try:
            done.set_result(work())
        except BaseException as error:  # noqa: BLE001 - whoever waits would wait for ever
            done.set_exception(error)

    threading.Thread(target=run, name="load", daemon=True).start()
    # A future that is cancelled could not be set.
    return await asyncio.shield(asyncio.wrap_future(done))
