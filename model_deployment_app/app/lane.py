"""Carries HTTP requests: who asks, in which trace, one line and one count for each."""

import asyncio
import re
from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..errors import ServingError
from ..protocols import Headers, Reply
from ..telemetry.exchange import CLIENT_GONE, Exchange
from . import keys
from .keys import credentials
from .prediction import Prediction, begun, traceparent
from .refusals import FAILED, error_body, error_headers
from .routes import Route, Routes
from .service import Service

#: What is asked every few seconds, and logged at debug.
_PROBES = re.compile(
    r"/livez|/readyz|/health|/metrics|/v2/health/(live|ready)|/v2/models/[^/]+(/versions/[^/]+)?/ready"
)

#: What a probe is answered as a rule; all else about one is logged as of any request.
_PROBED = ("200", "503")

#: What needs no key: probes, and the pages that tell a browser how to send one.
OPEN = re.compile(rf"{_PROBES.pattern}|/|/docs(/|/swagger-ui-bundle\.js|/swagger-ui\.css)?|/openapi\.json")

#: Wider than the routes: these take a line feed at their end as well.
_ADMIN = re.compile(r"/v1/models/.*/(load|unload)\s*|/v2/repository.*", re.DOTALL)


class HttpLane:
    """Answers the predict routes before FastAPI's routing, which would validate and copy every row.

    Our own server does so before there is a scope (see `PredictingProtocol`), and leaves the rest to this.

    Parameters
    ----------
    app : ASGI application
        Gets everything else. In its scope, ``exchange`` is the `Exchange`.
    routes : Routes
    service : Service
    """

    def __init__(self, app: ASGIApp, *, routes: Routes, service: Service) -> None:
        self._app = app
        self._routes = routes
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        route = self._routes.find(path)
        if route is None:
            await self._pass_on(path, scope, receive, send)
        else:
            await self._predict(route, path, scope, receive, send)

    async def _predict(self, route: Route, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        answered: asyncio.Future[tuple[HTTPStatus, Reply, Headers]] = asyncio.get_running_loop().create_future()
        prediction = Prediction(
            self._service,
            route,
            method=scope["method"],
            path=path,
            headers=scope["headers"],
            answer=lambda *answer: answered.set_result(answer),
        )
        try:
            prediction.begin()
            has_more = not answered.done()
            while has_more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return
                prediction.take(message.get("body", b""))
                has_more = bool(message.get("more_body")) and not answered.done()
            prediction.end()
            departure = asyncio.ensure_future(receive())
            await asyncio.wait((answered, departure), return_when=asyncio.FIRST_COMPLETED)
            departure.cancel()
            if answered.done():
                await _answer(send, *answered.result())
        finally:
            prediction.let_go()

    async def _pass_on(self, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = begun(scope["method"], path, scope["headers"])
        code, is_answered = CLIENT_GONE, False

        async def send_traced(message: Message) -> None:
            nonlocal code, is_answered
            if message["type"] == "http.response.start":
                code = str(int(message["status"]))
                message["headers"] = [*message.get("headers", ()), traceparent(exchange)]
            await send(message)
            is_answered = message["type"] == "http.response.body" and not message.get("more_body")

        try:
            await self._admitted(path, exchange, scope, receive, send_traced)
        except Exception as error:
            exchange.failure = error
            if code == CLIENT_GONE:
                await _answer(send_traced, FAILED.http_status, Reply(error_body(FAILED)))
            elif not is_answered:
                code = "500"
                raise  # its answer has begun: all that is left is to break it off
        finally:
            is_quiet = code in _PROBED and _PROBES.fullmatch(path) is not None
            self._service.recorder.end(exchange, code=code, is_quiet=is_quiet)

    async def _admitted(self, path: str, exchange: Exchange, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            if not OPEN.fullmatch(path):
                needed: keys.Scope = "admin" if _ADMIN.fullmatch(path) else "predict"
                exchange.key_id = self._service.keys.admit(*credentials(scope["headers"]), needed)
            # uvicorn sends no body after HEAD.
            method = "GET" if scope["method"] == "HEAD" else scope["method"]
            await self._app({**scope, "method": method, "exchange": exchange}, self._bounded(receive), send)
        except ServingError as error:
            exchange.failure = error
            await _answer(send, error.http_status, Reply(error_body(error), headers=error_headers(error)))

    def _bounded(self, receive: Receive) -> Receive:
        """*receive*, which raises once more of a body has come than may."""
        received = 0

        async def receive_bounded() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._service.max_body_bytes:
                raise self._service.too_large()
            return message

        return receive_bounded


async def _answer(send: Send, status: HTTPStatus, reply: Reply, headers: Headers = ()) -> None:
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [
                (b"content-type", reply.media_type),
                (b"content-length", str(len(reply.body)).encode()),
                *reply.headers,
                *headers,
            ],
        }
    )
    await send({"type": "http.response.body", "body": reply.body})
