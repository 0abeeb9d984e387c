"""Carries HTTP requests: who asks, in which trace, one line and one count for each; predictions from bytes to bytes."""

import asyncio
import gc
import re
from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..dataplane import DataPlane
from ..engine.revision import Revision
from ..errors import (
    InferenceError,
    InvalidRequest,
    MethodNotAllowed,
    PayloadTooLarge,
    ServingError,
    UnsupportedEncoding,
    sized,
)
from ..protocols import Call, Endpoint, Headers, Reply
from ..telemetry import trace
from ..telemetry.exchange import CLIENT_GONE, Exchange, Recorder
from ..tensors import n_rows
from . import keys
from .departure import unless_gone
from .health import FAILED, error_body, error_headers
from .keys import Keys, credentials
from .routes import Route, Routes

#: What is asked every few seconds, and logged at debug.
_PROBES = re.compile(
    r"/livez|/readyz|/health|/metrics|/v2/health/(live|ready)|/v2/models/[^/]+(/versions/[^/]+)?/ready"
)

#: What a probe is answered as a rule; all else about one is logged as of any request.
_PROBED = ("200", "503")

#: What needs no key: probes, and the pages that tell a browser how to send one.
OPEN = re.compile(rf"{_PROBES.pattern}|/|/docs(/|/swagger-ui-bundle\.js|/swagger-ui\.css)?|/openapi\.json")

#: Larger bodies are decoded on a thread, so that probes are answered in between.
MAX_INLINE_BYTES = 262_144

#: Wider than the routes: these take a line feed at their end as well.
_ADMIN = re.compile(r"/v1/models/.*/(load|unload)\s*|/v2/repository.*", re.DOTALL)


class HttpLane:
    """Answers the predict routes before FastAPI's routing, which would validate and copy every row.

    Parameters
    ----------
    app : ASGI application
        Gets everything else. In its scope, ``exchange`` is the `Exchange`.
    routes : Routes
    dataplane : DataPlane
    keys : Keys
    recorder : Recorder
    max_body_bytes : int
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        routes: Routes,
        dataplane: DataPlane,
        keys: Keys,
        recorder: Recorder,
        max_body_bytes: int,
    ) -> None:
        self._app = app
        self._routes = routes
        self._dataplane = dataplane
        self._keys = keys
        self._recorder = recorder
        self._max_body_bytes = max_body_bytes
        self._decoding = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        callers = [value for name, value in scope["headers"] if name == b"traceparent"]
        # Of several, none can be told to be the caller's.
        joined = trace.join(callers[0].decode("latin-1") if len(callers) == 1 else None)
        exchange = Exchange(joined, method=scope["method"], path=path)
        traceparent = (b"traceparent", exchange.trace.traceparent.encode())
        code, is_answered = CLIENT_GONE, False

        async def send_traced(message: Message) -> None:
            nonlocal code, is_answered
            if message["type"] == "http.response.start":
                code = str(int(message["status"]))
                message["headers"] = [*message.get("headers", ()), traceparent]
            await send(message)
            is_answered = message["type"] == "http.response.body" and not message.get("more_body")

        route = self._routes.find(path)
        try:
            await self._carry(route, path, headers, exchange, scope, receive, send_traced)
        except Exception as error:
            exchange.failure = error
            if code == CLIENT_GONE:
                await _answer(send_traced, FAILED.http_status, Reply(error_body(FAILED)))
            elif not is_answered:
                code = "500"
                raise  # its answer has begun: all that is left is to break it off
        finally:
            is_quiet = route is None and code in _PROBED and _PROBES.fullmatch(path) is not None
            self._recorder.end(exchange, code=code, is_quiet=is_quiet)

    async def _carry(
        self,
        route: Route | None,
        path: str,
        headers: dict[bytes, bytes],
        exchange: Exchange,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        try:
            if route is not None:
                exchange.protocol = route[0].protocol
                exchange.key_id = self._keys.admit(*credentials(scope["headers"]), "predict")
            elif not OPEN.fullmatch(path):
                needed: keys.Scope = "admin" if _ADMIN.fullmatch(path) else "predict"
                exchange.key_id = self._keys.admit(*credentials(scope["headers"]), needed)
            if route is None:
                # uvicorn sends no body after HEAD.
                method = "GET" if scope["method"] == "HEAD" else scope["method"]
                await self._app({**scope, "method": method, "exchange": exchange}, self._bounded(receive), send)
                return
            reply = await self._predict(route, headers, exchange, scope, receive)
            if reply is None:
                return
            status = HTTPStatus.OK
        except ServingError as error:
            exchange.failure = error
            body = error_body(error) if route is None else route[0].error(error)
            status, reply = error.http_status, Reply(body, headers=error_headers(error))
        await _answer(send, status, reply)

    async def _predict(
        self, route: Route, headers: dict[bytes, bytes], exchange: Exchange, scope: Scope, receive: Receive
    ) -> Reply | None:
        """The answer; None if the client has gone."""
        _, name, version = route
        try:
            if scope["method"] != "POST":
                raise MethodNotAllowed(f"{scope['method']} is not for this path: use POST")
            if headers.get(b"content-encoding", b"").lower() not in (b"", b"identity"):
                raise UnsupportedEncoding("the body is compressed: send it without Content-Encoding")
            timeout_s = _timeout_s(headers.get(b"x-request-timeout-ms"))
            revision = self._dataplane.revision(name, version)
            exchange.model, exchange.version = revision.name, revision.version
            body = await self._body(headers, receive)
            if body is None:
                return None
            revision, call = await self._call(route, body, scope)
            exchange.version = revision.version
            exchange.rows = n_rows(call.inputs)
            answer = self._dataplane.predict(revision, call.inputs, call.outputs, timeout_s=timeout_s)
            outputs = await unless_gone(receive, answer)
            if outputs is None:
                return None
            reply = call.encode(outputs)
        except ServingError:
            raise
        except Exception as error:
            raise InferenceError(str(FAILED)) from error
        return Reply(reply.body, reply.media_type, (*reply.headers, (b"x-model-sha256", revision.sha256.encode())))

    async def _call(self, route: Route, body: bytes, scope: Scope) -> tuple[Revision, Call]:
        """The request, decoded for whom answers it now: another may have been replaced meanwhile, and be drained."""
        endpoint, name, version = route
        while True:
            revision = self._dataplane.revision(name, version)
            if len(body) <= MAX_INLINE_BYTES:
                return revision, endpoint.decode(body, scope["headers"], revision)
            # One at a time: what it takes of memory is many times the body, and of two neither would be the faster.
            async with self._decoding:
                call = await asyncio.to_thread(_decoded, endpoint, body, scope["headers"], revision)
            if self._dataplane.revision(name, version) is revision:
                return revision, call

    async def _body(self, headers: dict[bytes, bytes], receive: Receive) -> bytes | None:
        """The whole request body; None if the client has gone."""
        # What is announced is refused before it has come; the HTTP parser has seen that it is a number.
        if int(headers.get(b"content-length", b"0")) > self._max_body_bytes:
            raise self._too_large()
        receive = self._bounded(receive)
        chunks: list[bytes] = []
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            chunks.append(message.get("body", b""))
            if not message.get("more_body"):
                return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def _bounded(self, receive: Receive) -> Receive:
        """*receive*, which raises once more of a body has come than may."""
        received = 0

        async def receive_bounded() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._max_body_bytes:
                raise self._too_large()
            return message

        return receive_bounded

    def _too_large(self) -> PayloadTooLarge:
        return PayloadTooLarge(
            f"the body is larger than {sized(self._max_body_bytes)}: send fewer rows at once, or raise "
            "config.limits.maxBodyBytes"
        )


def _decoded(endpoint: Endpoint, body: bytes, headers: Headers, revision: Revision) -> Call:
    """Decode a large *body*, which makes millions of objects, and no cycle among them to look for."""
    gc.disable()
    try:
        return endpoint.decode(body, headers, revision)
    finally:
        gc.enable()


def _timeout_s(header: bytes | None) -> float | None:
    """How long the client waits, if it says so."""
    if header is None:
        return None
    if re.fullmatch(rb"[1-9][0-9]{0,8}", header) is None:
        raise InvalidRequest("x-request-timeout-ms: expected milliseconds, 1 to 999999999")
    return int(header) / 1000


async def _answer(send: Send, status: HTTPStatus, reply: Reply) -> None:
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [
                (b"content-type", reply.media_type),
                (b"content-length", str(len(reply.body)).encode()),
                *reply.headers,
            ],
        }
    )
    await send({"type": "http.response.body", "body": reply.body})
