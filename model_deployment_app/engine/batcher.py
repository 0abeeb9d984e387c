"""Where requests meet one model: what is too much is refused, what is too late is not run."""

import asyncio
import logging
import math
import time
from collections.abc import Callable, Collection
from typing import Any

from ..errors import DeadlineExceeded, ModelNotReady, Overloaded, sized
from ..predictor import Predictor
from ..telemetry.metrics import ModelMetrics
from ..tensors import Tensors
from .limits import Limits
from .request import Request
from .worker import Outcome, Worker

logger = logging.getLogger(__name__)

#: Longest that a client is asked to stay away, in seconds: the queue is another one by then.
_MAX_RETRY_AFTER_S = 60


class Batcher:
    """Queues requests for the thread of one predictor. Everything here happens on the event loop.

    Parameters
    ----------
    predictor : Predictor
    name : str
        Of the model, for logs.
    limits : Limits
    metrics : ModelMetrics
    """

    def __init__(self, predictor: Predictor, *, name: str, limits: Limits, metrics: ModelMetrics) -> None:
        self._name = name
        self._limits = limits
        self._worker = Worker(
            predictor,
            limits=limits,
            metrics=metrics,
            on_answered=lambda outcomes: self._on_loop(self._answer, outcomes),
            on_ended=lambda: self._on_loop(self._end),
        )
        self._example = predictor.example
        self._outputs = [spec.name for spec in predictor.signature.outputs]
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: set[Request] = set()
        self._new: list[Request] = []
        self._rows = 0
        self._bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = math.inf
        self._ended: asyncio.Future[None] | None = None
        self._examination: asyncio.Future[Tensors] | None = None
        self._is_well = True
        metrics.watch_queue(lambda: self._rows)

    def submit(
        self,
        inputs: Tensors,
        outputs: Collection[str],
        timeout_s: float | None = None,
        since: float | None = None,
    ) -> asyncio.Future[Tensors]:
        """Queue checked *inputs* for their named *outputs*; whoever cancels the future is forgotten.

        Parameters
        ----------
        inputs : dict of str to ndarray
        outputs : collection of str
        timeout_s : float, optional
            How long the answer is worth waiting for, if that is less than the limit.
        since : float, optional
            From when on, of `time.monotonic`, if not from now.

        Raises
        ------
        InvalidTensor
            By the future: if the model refuses a value.
        InferenceError
            By the future: if the model raises anything else; its own words are the error's cause, not for clients.
        DeadlineExceeded
            By the future: if it takes too long.
        Overloaded
            At once: if too much is waiting.
        ModelNotReady
            At once: after `close`.
        """
        if self._ended is not None:
            raise ModelNotReady(f"{self._name}: this version of the model is being replaced: ask again")
        limits = self._limits
        wait_s = limits.request_timeout_s if timeout_s is None else min(timeout_s, limits.request_timeout_s)
        loop = self._bind()
        deadline = (time.monotonic() if since is None else since) + wait_s
        request = Request(inputs, outputs, loop.create_future(), deadline, wait_s)
        if self._waiting:
            self._admit(request)
        self._waiting.add(request)
        self._rows += request.rows
        self._bytes += request.size_bytes
        if request.deadline < self._timer_at:
            self._arm(request.deadline)
        if not self._new:
            loop.call_soon(self._hand_over)
        self._new.append(request)
        return request.future

    def health(self) -> str | None:
        """Why this model answers nobody, and will not by itself; None while it does."""
        reason = self._ailment()
        if reason is not None and self._is_well:
            logger.error("%s: %s", self._name, reason)
        if reason is None and not self._is_well:
            logger.warning("%s: the model answers again", self._name)
        self._is_well = reason is None
        return reason

    async def close(self) -> None:
        """Take no more requests, answer those that have come, end the thread and let go of the predictor."""
        if self._ended is None:
            loop = self._bind()
            self._ended = loop.create_future()
            self._hand_over()
            self._worker.end()
        await asyncio.shield(self._ended)

    def _bind(self) -> asyncio.AbstractEventLoop:
        """The loop; with the first request, the thread starts."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._worker.start()
        return self._loop

    def _hand_over(self) -> None:
        """Once for all requests of a turn of the loop: to wake the thread for each would make the two wait by turns."""
        new, self._new = self._new, []
        self._worker.put(new)

    def _admit(self, request: Request) -> None:
        limits = self._limits
        if self._rows + request.rows > limits.queue_rows:
            full = f"{self._rows} rows of {limits.queue_rows}"
        elif self._bytes + request.size_bytes > limits.queue_bytes:
            full = f"{sized(self._bytes)} of {sized(limits.queue_bytes)}"
        else:
            return
        drained_s = self._worker.seconds_for(self._rows)
        raise Overloaded(
            f"{self._name}: too much is waiting ({full}): come again later, or ask for fewer rows at once",
            retry_after_s=min(max(1, math.ceil(drained_s)), _MAX_RETRY_AFTER_S),
        )

    def _arm(self, deadline: float) -> None:
        """One timer for all requests, at the earliest deadline."""
        assert self._loop is not None
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = deadline
        self._timer = self._loop.call_later(deadline - time.monotonic(), self._expire)

    def _expire(self) -> None:
        now = time.monotonic()
        self._timer, self._timer_at = None, math.inf
        waiting = [request for request in self._waiting if not request.future.done()]
        for request in waiting:
            if request.deadline <= now:
                request.future.set_exception(_too_late(request))
        if later := [request.deadline for request in waiting if request.deadline > now]:
            self._arm(min(later))

    def _on_loop(self, call: Callable[..., None], *arguments: Any) -> None:
        """From the worker's thread."""
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(call, *arguments)
        except RuntimeError:  # the loop is closed: nobody waits any more
            logger.debug("%s: an answer came after the end", self._name)

    def _end(self) -> None:
        assert self._ended is not None
        if self._timer is not None:  # it holds us for as long as a request may wait
            self._timer.cancel()
        self._ended.set_result(None)

    def _answer(self, outcomes: list[Outcome]) -> None:
        for request, outcome in outcomes:
            if request not in self._waiting:  # a part of a batch that failed outside the model
                continue
            self._waiting.remove(request)
            self._rows -= request.rows
            self._bytes -= request.size_bytes
            if request.future.done():
                continue
            if outcome is None:
                request.future.set_exception(_too_late(request))
            elif isinstance(outcome, Exception):
                request.future.set_exception(outcome)
            else:
                request.future.set_result(outcome)
        assert self._loop is not None
        # A turn later: in between, whoever waits for these answers sends them, and the loop reads.
        self._loop.call_soon(self._loop.call_soon, self._catch_up)

    def _catch_up(self) -> None:
        if self._new:
            self._hand_over()
        self._worker.catch_up()

    def _ailment(self) -> str | None:
        since = self._worker.running_since
        if since is not None and (running_s := time.monotonic() - since) > self._limits.hang_s:
            return f"a prediction has been running for {running_s:.0f} s, limits.hangSeconds is {self._limits.hang_s:g}"
        if self._worker.fault is not None:
            self._ask_again()
        return self._worker.fault

    def _ask_again(self) -> None:
        """Have a model that is broken answer its warm-up row: nobody else asks a pod that is not ready."""
        is_asked = self._examination is not None and not self._examination.done()
        if is_asked or self._waiting or self._ended is not None:
            return
        example = {name: array.copy() for name, array in self._example.items()}
        self._examination = self.submit(example, self._outputs)
        self._examination.add_done_callback(asyncio.Future.exception)  # nobody else looks at it


def _too_late(request: Request) -> DeadlineExceeded:
    return DeadlineExceeded.after(request.timeout_s)
