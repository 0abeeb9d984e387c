"""One request and its answer, as the log and the metrics tell of it, whichever lane has carried it."""

import time
from dataclasses import dataclass, field

from structlog.typing import FilteringBoundLogger

from ..errors import ServingError
from .metrics import NONE, Metrics
from .trace import Trace

#: What nginx calls the status of a request whose client has gone before the answer.
CLIENT_GONE = "499"


@dataclass(slots=True)
class Exchange:
    """What is known of a request so far.

    Attributes
    ----------
    trace : Trace
    started : float
        Of `time.perf_counter`.
    method, path : str
        As the client wrote them.
    protocol : str or None
        The dialect, where a prediction is asked for.
    model, version : str
        Of the revision that answers.
    rows : int
    key_id : str
        Of the API key; never the key.
    failure : Exception or None
        Why it is refused or has failed.
    """

    trace: Trace
    started: float = field(default_factory=time.perf_counter)
    method: str = NONE
    path: str = NONE
    protocol: str | None = None
    model: str = NONE
    version: str = NONE
    rows: int = 0
    key_id: str = NONE
    failure: Exception | None = None


class Recorder:
    """Writes one line an exchange, and counts it.

    Parameters
    ----------
    metrics : Metrics
    log : structlog logger
        As `logs.events` makes one.
    """

    def __init__(self, metrics: Metrics, log: FilteringBoundLogger) -> None:
        self._metrics = metrics
        self._log = log

    def end(self, exchange: Exchange, *, code: str, is_quiet: bool = False) -> None:
        """Tell of *exchange*, answered with *code*.

        Parameters
        ----------
        exchange : Exchange
        code : str
            The HTTP status, or the name of the gRPC one.
        is_quiet : bool
            Logged at debug: a probe, which comes every few seconds.
        """
        seconds = time.perf_counter() - exchange.started
        failure = exchange.failure
        if exchange.protocol is not None:
            self._metrics.answered(
                model=exchange.model,
                version=exchange.version,
                protocol=exchange.protocol,
                code=code,
                seconds=seconds,
            )
        if exchange.key_id != NONE:
            self._metrics.used(exchange.key_id)
        fields = {
            "protocol": exchange.protocol or NONE,
            "method": exchange.method,
            "path": exchange.path,
            "model": exchange.model,
            "version": exchange.version,
            "rows": exchange.rows,
            "code": code,
            "key_id": exchange.key_id,
            "trace_id": exchange.trace.trace_id,
            "latency_ms": round(seconds * 1000, 1),
        }
        if failure is None:
            (self._log.debug if is_quiet else self._log.info)("request", **fields)
            return
        reason = failure.code if isinstance(failure, ServingError) else "ServingError"
        self._metrics.rejected(reason)
        fields = {"error_code": reason, **fields}
        if isinstance(failure, ServingError) and failure.is_expected:
            self._log.warning("request", **fields)
        else:
            # The model's own words, if it has said any.
            self._log.error("request", exc_info=failure.__cause__ or failure, **fields)
