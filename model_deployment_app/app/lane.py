"""Carries HTTP requests: who asks, in which trace, one line and one count for each; predictions from bytes to bytes."""

import re
from http import HTTPStatus
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..dataplane import DataPlane
from ..errors import InferenceError, MethodNotAllowed, ServingError, UnsupportedEncoding
from ..protocols import Reply
from ..telemetry import trace
from ..telemetry.exchange import CLIENT_GONE, Exchange, Recorder
from ..tensors import n_rows
from . import keys
from .health import error_body, error_headers
from .keys import Keys
from .routes import Route, Routes

#: What is asked every few seconds, and logged at debug.
_PROBES = re.compile(
    r"/livez|/readyz|/health|/metrics|/v2/health/(live|ready)|/v2/models/[^/]+(/versions/[^/]+)?/ready"
)

#: What needs no key: probes, and the pages that tell a browser how to send one.
_OPEN = re.compile(rf"{_PROBES.pattern}|/|/docs|/openapi\.json")

_ADMIN = re.compile(r"/v1/models/[^/]+/(load|unload)|/v2/repository(/.*)?")


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
    """

    def __init__(self, app: ASGIApp, *, routes: Routes, dataplane: DataPlane, keys: Keys, recorder: Recorder) -> None:
        self._app = app
        self._routes = routes
        self._dataplane = dataplane
        self._keys = keys
        self._recorder = recorder

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        exchange = Exchange(trace.join(_text(headers.get(b"traceparent"))), method=scope["method"], path=path)
        traceparent = (b"traceparent", exchange.trace.traceparent.encode())
        code = CLIENT_GONE

        async def send_traced(message: Message) -> None:
            nonlocal code
            if message["type"] == "http.response.start":
                code = str(int(message["status"]))
                message["headers"] = [*message.get("headers", ()), traceparent]
            await send(message)

        try:
            await self._carry(path, headers, exchange, scope, receive, send_traced)
        except Exception as error:
            exchange.failure, code = error, "500"
            raise
        finally:
            self._recorder.end(exchange, code=code, is_quiet=_PROBES.fullmatch(path) is not None)

    async def _carry(
        self, path: str, headers: dict[bytes, bytes], exchange: Exchange, scope: Scope, receive: Receive, send: Send
    ) -> None:
        route = self._routes.find(path)
        if route is not None:
            exchange.protocol = route[0].protocol
        try:
            needed: keys.Scope = "admin" if _ADMIN.fullmatch(path) else "predict"
            if not _OPEN.fullmatch(path):
                exchange.key_id = self._keys.admit(headers.get(b"authorization"), headers.get(b"x-api-key"), needed)
            if route is None:
                await self._app({**scope, "exchange": exchange}, receive, send)
                return
            reply = await self._predict(route, headers, exchange, scope, receive)
            if reply is None:
                return
            status = HTTPStatus.OK
        except ServingError as error:
            exchange.failure = error
            body = error_body(error) if route is None else route[0].error(error)
            status, reply = error.http_status, Reply(body, headers=error_headers(error))
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

    async def _predict(
        self, route: Route, headers: dict[bytes, bytes], exchange: Exchange, scope: Scope, receive: Receive
    ) -> Reply | None:
        """The answer; None if the client has gone."""
        endpoint, name, version = route
        try:
            if scope["method"] != "POST":
                raise MethodNotAllowed(f"{scope['method']} is not for this path: use POST")
            if headers.get(b"content-encoding", b"").lower() not in (b"", b"identity"):
                raise UnsupportedEncoding("the body is compressed: send it without Content-Encoding")
            revision = self._dataplane.revision(name, version)
            exchange.model, exchange.version = revision.name, revision.version
            body = await _body(receive)
            if body is None:
                return None
            # Again: the one that was there while the body came may have been replaced, and be drained.
            revision = self._dataplane.revision(name, version)
            exchange.version = revision.version
            call = endpoint.decode(body, scope["headers"], revision)
            exchange.rows = n_rows(call.inputs)
            reply = call.encode(await self._dataplane.predict(revision, call.inputs, call.outputs))
        except ServingError:
            raise
        except Exception as error:
            raise InferenceError("the server failed; its log has the reason") from error
        return Reply(reply.body, reply.media_type, (*reply.headers, (b"x-model-sha256", revision.sha256.encode())))


async def _body(receive: Receive) -> bytes | None:
    """The whole request body; None if the client has gone."""
    chunks = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunks.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(chunks)


def _text(value: Any) -> str | None:
    return None if value is None else value.decode("latin-1")
