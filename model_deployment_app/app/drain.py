"""How a server ends without losing a request: it tells that it will, answers on, and then lets go."""

import asyncio
import logging
import os
import signal
import time
from types import FrameType

import uvicorn

from .predicting_protocol import PredictingProtocol

logger = logging.getLogger(__name__)

_CLOSE = (b"connection", b"close")


class Drain:
    """How far a server is on its way out.

    Attributes
    ----------
    has_begun : bool
        Requests should go elsewhere; those that come are answered.
    is_over : Event
        No more are taken; those under way have their grace.
    """

    def __init__(self) -> None:
        self.has_begun = False
        self.is_over = asyncio.Event()


class DrainingServer(uvicorn.Server):
    """Keeps to *drain* when it is told to end.

    Parameters
    ----------
    config : Config
        Its ``timeout_graceful_shutdown`` is the grace.
    drain : Drain
    drain_s : float
        How long requests are taken after SIGTERM. SIGINT, from a person at a terminal, does not wait.
    """

    def __init__(self, config: uvicorn.Config, drain: Drain, *, drain_s: float) -> None:
        super().__init__(config)
        self._drain = drain
        self._drain_s = drain_s
        self._ends_at: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        # The loop does the rest, within a tenth of a second: this may interrupt anything.
        if self._ends_at is None:
            self._ends_at = time.monotonic() + (self._drain_s if sig == signal.SIGTERM else 0)
        else:
            os._exit(128 + sig)  # whoever asks twice means it, whatever is under way

    async def on_tick(self, counter: int) -> bool:
        if self._ends_at is not None:
            remaining_s = self._ends_at - time.monotonic()
            if not self._drain.has_begun:
                self._begin(max(remaining_s, 0))
            self.should_exit = self.should_exit or remaining_s <= 0
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list | None = None) -> None:
        self._drain.has_begun = True
        self._drain.is_over.set()
        await super().shutdown(sockets)
        for connection in list(self.server_state.connections):
            if isinstance(connection, PredictingProtocol):
                connection.give_up()
        await asyncio.sleep(0)  # what has been written goes with the next turn of the loop

    def _begin(self, remaining_s: float) -> None:
        logger.info("draining: not ready from now on, requests are answered for %.1f s", remaining_s)
        self._drain.has_begun = True
        # Every answer asks its client to come again by another connection: the first list is for those that are on
        # their way, the second is what uvicorn makes it anew from, each second.
        self.server_state.default_headers.append(_CLOSE)
        self.config.encoded_headers.append(_CLOSE)
