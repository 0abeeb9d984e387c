"""One request for a prediction over HTTP, from its head to its answer: a step for each part of it that comes."""

import asyncio
import re
import time
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Any

from ..engine.revision import Revision
from ..errors import (
    InferenceError,
    InvalidRequest,
    MethodNotAllowed,
    ServingError,
    UnsupportedEncoding,
)
from ..protocols import Call, Headers, Reply
from ..telemetry import trace
from ..telemetry.exchange import CLIENT_GONE, Exchange
from ..tensors import Tensors, n_rows
from .conversion import MAX_INLINE_BYTES
from .keys import credentials
from .refusals import FAILED, error_headers
from .routes import Route
from .service import Service

#: Status, body, and headers beside those that the body brings.
Answer = Callable[[HTTPStatus, Reply, Headers], None]


class Prediction:
    """One of them. Whoever reads the connection calls, all on the event loop, and nothing here waits.

    It needs no task, which would cost as much as all else that is done for a small request.

    Parameters
    ----------
    service : Service
    route : Route
    method, path : str
        As the client wrote them.
    headers : sequence of (bytes, bytes)
        Names in lower case.
    answer : callable
        Called once, unless the client goes first.
    """

    def __init__(
        self, service: Service, route: Route, *, method: str, path: str, headers: Headers, answer: Answer
    ) -> None:
        self.is_answered = False
        self._service = service
        self._route = route
        self._method = method
        self._path = path
        self._headers = headers
        self._answer = answer
        self._exchange: Exchange | None = None
        self._timeout_s: float | None = None
        self._chunks: list[bytes] = []
        self._size_bytes = 0
        self._is_whole = False
        self._revision: Revision | None = None
        self._call: Call | None = None
        self._decoding: asyncio.Task[None] | None = None
        self._outputs: asyncio.Future[Tensors] | None = None

    def begin(self) -> None:
        """Its turn has come: of its body, nothing, a part or all may have come before."""
        if self.is_answered:
            return
        self._exchange = begun(self._method, self._path, self._headers)
        self._guarded(self._admit)
        self._go_on()

    def take(self, chunk: bytes) -> None:
        """Another part of the body has come."""
        if self.is_answered:
            return
        self._size_bytes += len(chunk)
        if self._size_bytes <= self._service.max_body_bytes:
            self._chunks.append(chunk)
        else:
            self._go_on()

    def end(self) -> None:
        """The body is whole."""
        self._is_whole = True
        self._go_on()

    def let_go(self) -> None:
        """The client has gone: nothing more is done for it."""
        if self.is_answered:
            return
        if self._decoding is not None:
            self._decoding.cancel()
        self._close(CLIENT_GONE)

    def refuse(self, error: ServingError) -> None:
        """Answer with *error*, unless there is an answer."""
        if self.is_answered:
            return
        if self._exchange is not None:
            self._exchange.failure = error
        self._reply(error.http_status, Reply(self._route[0].error(error), headers=error_headers(error)))

    def _go_on(self) -> None:
        if self.is_answered or self._exchange is None:
            return
        if self._size_bytes > self._service.max_body_bytes:
            self.refuse(self._service.too_large())
        elif self._is_whole:
            self._guarded(self._ask)

    def _guarded(self, step: Callable[..., None], *arguments: Any) -> None:
        """Take *step*, and answer for what it raises."""
        try:
            step(*arguments)
        except Exception as error:  # noqa: BLE001 - it is answered, and logged
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        if isinstance(error, ServingError):
            self.refuse(error)
        else:
            failure = InferenceError(str(FAILED))
            failure.__cause__ = error
            self.refuse(failure)

    def _admit(self) -> None:
        assert self._exchange is not None
        endpoint, name, version = self._route
        self._exchange.protocol = endpoint.protocol
        if self._service.keys.are_asked_for:
            self._exchange.key_id = self._service.keys.admit(*credentials(self._headers), "predict")
        if self._method != "POST":
            raise MethodNotAllowed(f"{self._method} is not for this path: use POST")
        headers = dict(self._headers)
        if headers.get(b"content-encoding", b"").lower() not in (b"", b"identity"):
            raise UnsupportedEncoding("the body is compressed: send it without Content-Encoding")
        self._timeout_s = _timeout_s(headers.get(b"x-request-timeout-ms"))
        self._find(name, version)
        # What is announced is refused before it has come; the HTTP parser has seen that it is a number.
        if int(headers.get(b"content-length", b"0")) > self._service.max_body_bytes:
            raise self._service.too_large()

    def _find(self, name: str | None, version: str | None) -> Revision:
        """Who answers now: another may have been replaced since the request began, and be drained."""
        assert self._exchange is not None
        revision = self._service.dataplane.revision(name, version)
        self._exchange.model, self._exchange.version = revision.name, revision.version
        return revision

    def _ask(self) -> None:
        body = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks.clear()
        if len(body) > MAX_INLINE_BYTES:
            self._decoding = asyncio.ensure_future(self._ask_aside(body))
        else:
            _, name, version = self._route
            revision = self._find(name, version)
            self._run(revision, *self._decode(body, revision))

    async def _ask_aside(self, body: bytes) -> None:
        _, name, version = self._route
        since = time.monotonic()
        try:
            revision, is_current = self._find(name, version), False
            while not is_current:
                decode = partial(self._decode, body, revision)
                call, inputs = await self._service.conversion.run(
                    decode, size_bytes=len(body), timeout_s=self._timeout_s
                )
                decoded_for, revision = revision, self._find(name, version)
                is_current = revision is decoded_for
        except Exception as error:  # noqa: BLE001
            self._fail(error)
        else:
            self._guarded(self._run, revision, call, inputs, since)

    def _decode(self, body: bytes, revision: Revision) -> tuple[Call, Tensors]:
        """The call, and its inputs as the model takes them: what does not fit never gets as far as the queue."""
        assert self._exchange is not None
        call = self._route[0].decode(body, self._headers, revision)
        self._exchange.rows = n_rows(call.inputs)
        return call, self._service.dataplane.check(revision, call.inputs)

    def _run(self, revision: Revision, call: Call, inputs: Tensors, since: float | None = None) -> None:
        if self.is_answered:
            return
        self._revision, self._call = revision, call
        self._outputs = self._service.dataplane.run(
            revision, inputs, call.outputs, timeout_s=self._timeout_s, since=since
        )
        self._outputs.add_done_callback(self._finish)

    def _finish(self, _: object) -> None:
        if not self.is_answered:
            self._guarded(self._encode)

    def _encode(self) -> None:
        assert self._outputs is not None and self._call is not None and self._revision is not None
        reply = self._call.encode(self._outputs.result())
        self._reply(HTTPStatus.OK, reply, (b"x-model-sha256", self._revision.sha256.encode()))

    def _reply(self, status: HTTPStatus, reply: Reply, *headers: tuple[bytes, bytes]) -> None:
        if self._exchange is not None:
            headers = (*headers, traceparent(self._exchange))
        self._answer(status, reply, headers)
        self._close(str(int(status)))

    def _close(self, code: str) -> None:
        self.is_answered = True
        self._chunks.clear()
        if self._outputs is not None:
            self._outputs.cancel()
        # The connection may hold this for as long as its client asks nothing else.
        self._outputs = self._call = self._revision = self._decoding = None
        self._headers = ()
        if self._exchange is not None:
            self._service.recorder.end(self._exchange, code=code)


def begun(method: str, path: str, headers: Headers) -> Exchange:
    """What is known of a request once its head has come."""
    callers = [value for name, value in headers if name == b"traceparent"]
    # Of several, none can be told to be the caller's.
    joined = trace.join(callers[0].decode("latin-1") if len(callers) == 1 else None)
    return Exchange(joined, method=method, path=path)


def traceparent(exchange: Exchange) -> tuple[bytes, bytes]:
    """The header that tells a client which trace its request is part of."""
    return b"traceparent", exchange.trace.traceparent.encode()


def _timeout_s(header: bytes | None) -> float | None:
    """How long the client waits, if it says so."""
    if header is None:
        return None
    if re.fullmatch(rb"[1-9][0-9]{0,8}", header) is None:
        raise InvalidRequest("x-request-timeout-ms: expected milliseconds, 1 to 999999999")
    return int(header) / 1000
