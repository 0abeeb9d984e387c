"""The thread on which one predictor runs: off the event loop, several requests at a time."""

import logging
import math
import threading
import time
from collections.abc import Callable, Collection
from queue import Empty, SimpleQueue

from ..errors import InferenceError, InvalidRequest
from ..predictor import Predictor
from ..telemetry.metrics import ModelMetrics
from ..tensors import Tensors, concat, split
from .limits import Limits
from .request import Request, grouped

logger = logging.getLogger(__name__)

#: A request, and its answer, why it failed, or None if nobody waits for it.
Outcome = tuple[Request, Tensors | Exception | None]

#: What a call counts for in the rate at which the model answers, when there has been one more.
_FADING = 0.9


class Worker:
    """Calls one predictor, so that the loop answers probes while the model computes.

    What has come until the answers to a batch are on their way is the next batch. One that fails is asked again in
    halves, so that a bad row fails alone.

    Parameters
    ----------
    predictor : Predictor
    limits : Limits
    metrics : ModelMetrics
    on_answered : callable
        Takes outcomes, on this thread.
    on_ended : callable
        Called at the thread's end, on it.

    Attributes
    ----------
    running_since : float or None
        Of `time.monotonic`, while the model computes.
    fault : str or None
        Why the model does not even answer the row that it was warmed up with, as it did before; None while it does.
    """

    def __init__(
        self,
        predictor: Predictor,
        *,
        limits: Limits,
        metrics: ModelMetrics,
        on_answered: Callable[[list[Outcome]], None],
        on_ended: Callable[[], None],
    ) -> None:
        self.running_since: float | None = None
        self.fault: str | None = None
        self._is_caught_up = threading.Event()
        self._last_call_s = 0.0
        self._done_rows = 0.0
        self._busy_s = 0.0
        self._predictor = predictor
        self._limits = limits
        self._metrics = metrics
        self._on_answered = on_answered
        self._on_ended = on_ended
        self._queue: SimpleQueue[list[Request] | None] = SimpleQueue()
        self._is_ending = False

    def start(self) -> None:
        # A daemon: a model that never returns must not keep the process from its end.
        threading.Thread(target=self._serve, name="predict", daemon=True).start()

    def put(self, requests: list[Request]) -> None:
        self._queue.put(requests)

    def end(self) -> None:
        """Once all that has been put before is answered."""
        self._queue.put(None)

    def catch_up(self) -> None:
        """The loop has passed the last answers on, and has read what came in the meantime."""
        self._is_caught_up.set()

    def seconds_for(self, rows: int) -> float:
        """How long *rows* take at the rate of the last calls."""
        return rows * self._busy_s / self._done_rows if self._done_rows else 0.0

    def _serve(self) -> None:
        while not self._is_ending:
            requests: list[Request] = []
            try:
                requests = self._gather()
                for group in grouped(requests, max_rows=self._limits.max_rows):
                    self._answer(group)
            except BaseException as error:  # memory that runs out between two calls, say
                logger.exception("a batch failed outside the model")
                self._on_answered([(request, _as_failure(error)) for request in requests])
            del requests
        # The model's memory must not wait for whoever still holds the revision.
        del self._predictor
        self._on_ended()

    def _gather(self) -> list[Request]:
        """Wait for requests, and take what waits behind them."""
        requests: list[Request] = []
        rows, until = 0, math.inf
        came = self._queue.get()
        while came is not None:
            for request in came:
                until = min(until, request.arrived + self._limits.max_wait_s)
                rows += request.rows
            if not requests and rows < self._limits.max_rows:
                # Clients that have just been answered ask again: two halves would go on taking turns for ever.
                self._is_caught_up.wait(self._last_call_s)
            requests += came
            if rows >= self._limits.max_rows:
                return requests
            try:
                came = self._following(until)
            except Empty:
                return requests
        self._is_ending = True
        return requests

    def _following(self, until: float) -> list[Request] | None:
        wait_s = until - time.monotonic() if self._limits.max_wait_s else 0.0
        return self._queue.get(timeout=wait_s) if wait_s > 0 else self._queue.get_nowait()

    def _answer(self, group: list[Request]) -> None:
        started = time.monotonic()
        for request in group:
            self._metrics.waited(started - request.arrived)
        parts, has_failed = [group], False
        while parts:
            part = self._wanted(parts.pop())
            if not part:
                continue
            if len(part) > 1:
                try:
                    outcomes = self._ask_together(part)
                except BaseException:  # noqa: BLE001 - it comes again, from the request that is at fault
                    if len(part) == len(group):
                        self._metrics.fell_back()
                    middle = len(part) // 2
                    parts += [part[middle:], part[:middle]]
                    continue
            else:
                outcomes = [self._ask_alone(part[0])]
                has_failed |= isinstance(outcomes[0][1], InferenceError)
            self._is_caught_up.clear()
            self._on_answered(outcomes)
        if has_failed:
            self._examine()

    def _wanted(self, part: list[Request]) -> list[Request]:
        wanted = [request for request in part if request.is_wanted()]
        if len(wanted) < len(part):
            self._on_answered([(request, None) for request in set(part).difference(wanted)])
        return wanted

    def _ask_together(self, part: list[Request]) -> list[Outcome]:
        rows = [request.rows for request in part]
        inputs = concat([request.inputs for request in part])
        answers = self._call(self._predictor.answer, inputs, part[0].outputs, sum(rows))
        return list(zip(part, split(answers, rows), strict=True))

    def _ask_alone(self, request: Request) -> Outcome:
        try:
            answers = self._call(self._predictor.predict, request.inputs, request.outputs, request.rows)
            [answers] = split(answers, [request.rows])
            return request, answers
        except BaseException as error:  # noqa: BLE001 - not every exception can cross to the loop
            return request, _as_failure(error)

    def _call(
        self,
        ask: Callable[[Tensors, Collection[str]], Tensors],
        inputs: Tensors,
        outputs: Collection[str],
        rows: int,
    ) -> Tensors:
        started = self.running_since = time.monotonic()
        try:
            answers = ask(inputs, outputs)
            self.fault = None
            return answers
        finally:
            self.running_since = None
            self._last_call_s = seconds = time.monotonic() - started
            self._done_rows = _FADING * self._done_rows + rows
            self._busy_s = _FADING * self._busy_s + seconds
            self._metrics.predicted(rows, seconds)

    def _examine(self) -> None:
        """After a failure: a row that the model has answered before tells a bad row from a broken device."""
        example, outputs = self._predictor.example, [spec.name for spec in self._predictor.signature.outputs]
        try:
            self._call(self._predictor.answer, example, outputs, 1)
        except BaseException as error:  # noqa: BLE001 - the log has it, by whoever asks for the fault
            self.fault = f"the model fails at the row that it was warmed up with: {type(error).__name__}"


def _as_failure(error: BaseException) -> Exception:
    if isinstance(error, InvalidRequest):
        return error
    failure = InferenceError("the model raised an error; the server's log has where")
    failure.__cause__ = error
    return failure
