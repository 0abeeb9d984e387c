"""One request and its answer, as the log and the metrics tell of it, whichever lane has carried it."""

import time
from dataclasses import dataclass, field
from typing import Any

from ..errors import ServingError
from .logs import Events
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
    log : logs.Events
    has_access_log : bool
        Whether requests that succeed have a line, too.
    """

    def __init__(self, metrics: Metrics, log: Events, *, has_access_log: bool = True) -> None:
        self._metrics = metrics
        self._log = log
        self._has_access_log = has_access_log

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
        failure = exchange.failure
        if failure is None and code == "200" and not (self._has_access_log or is_quiet):
            return
        fields: dict[str, Any] = {}
        if failure is not None and not is_quiet:
            fields["error_code"] = failure.code if isinstance(failure, ServingError) else ServingError.__name__
            self._metrics.rejected(fields["error_code"])
        fields |= {
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
        if is_quiet:
            self._log.debug("request", **fields)
        elif failure is not None and not (isinstance(failure, ServingError) and failure.is_expected):
            # The model's own error, if it has raised one.
            self._log.error("request", exc_info=failure.__cause__ or failure, **fields)
        elif failure is not None or (code.startswith("4") and code != CLIENT_GONE):
            self._log.warning("request", **fields)
        elif self._has_access_log:
            self._log.info("request", **fields)
