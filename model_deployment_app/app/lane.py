"""Carries predict requests over HTTP, from raw ASGI: bytes in, bytes out, errors in the dialect's own words."""

import logging
from collections.abc import Sequence
from http import HTTPStatus

from starlette.types import ASGIApp, Receive, Scope, Send

from ..dataplane import DataPlane
from ..errors import InferenceError, MethodNotAllowed, ServingError, UnsupportedEncoding
from ..protocols import Endpoint

logger = logging.getLogger(__name__)

Answer = tuple[HTTPStatus, bytes, list[tuple[bytes, bytes]]]


class PredictLane:
    """Answers the predict routes before FastAPI's routing, which would validate and copy every row.

    Parameters
    ----------
    app : ASGI application
        Gets everything else.
    endpoints : sequence of Endpoint
    dataplane : DataPlane
    """

    def __init__(self, app: ASGIApp, *, endpoints: Sequence[Endpoint], dataplane: DataPlane) -> None:
        self._app = app
        self._dataplane = dataplane
        self._fixed = {endpoint.path: endpoint for endpoint in endpoints if "{name}" not in endpoint.path}
        self._named = [endpoint for endpoint in endpoints if "{name}" in endpoint.path]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = None
        if scope["type"] == "http":
            found = self._find(scope["path"].removeprefix(scope.get("root_path", "")))
        if found is None:
            await self._app(scope, receive, send)
            return
        endpoint, name = found
        request = await _body(receive)  # also of what is refused: the next request on the connection comes behind it
        if request is None:
            return
        status, body, headers = await self._answer(endpoint, name, scope, request)
        headers += [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _find(self, path: str) -> tuple[Endpoint, str | None] | None:
        if (endpoint := self._fixed.get(path)) is not None:
            return endpoint, None
        for named in self._named:
            before, after = named.path.split("{name}")
            if path.startswith(before) and path.endswith(after) and len(path) > len(before) + len(after):
                return named, path[len(before) : -len(after)]
        return None

    async def _answer(self, endpoint: Endpoint, name: str | None, scope: Scope, request: bytes) -> Answer:
        """The one place on this lane where an error becomes a status and a body."""
        headers = []
        try:
            if scope["method"] != "POST":
                headers.append((b"allow", b"POST"))
                raise MethodNotAllowed(f"{scope['method']} is not for this path: use POST")
            _require_plain(scope)
            inputs = endpoint.decode(request)
            revision, outputs = await self._dataplane.predict(name, inputs, endpoint.wanted)
            digest = (b"x-model-sha256", revision.sha256.encode())
            return HTTPStatus.OK, endpoint.encode(revision, outputs), [digest]
        except ServingError as error:
            failure = error
        except Exception:
            logger.exception("a request failed in a way that nobody foresaw")
            failure = InferenceError("the server failed; its log has the reason")
        if failure.retry_after_s is not None:
            headers.append((b"retry-after", str(failure.retry_after_s).encode()))
        return failure.http_status, endpoint.error(failure), headers


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


def _require_plain(scope: Scope) -> None:
    for key, value in scope["headers"]:
        if key == b"content-encoding" and value.lower() not in (b"", b"identity"):
            raise UnsupportedEncoding("the body is compressed: send it without Content-Encoding")
