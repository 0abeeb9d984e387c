"""HTTP/1.1 that answers predictions by itself, and has the application answer everything else."""

import asyncio
from functools import partial
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from ..errors import Draining
from ..protocols import Headers, Reply
from .http_protocol import GuardedProtocol
from .prediction import Prediction
from .routes import Route, Routes
from .service import Service


class PredictingProtocol(GuardedProtocol):
    """One connection, on which a request for a prediction needs neither an ASGI scope nor a task.

    Parameters
    ----------
    routes : Routes
    service : Service
    """

    def __init__(self, *args: Any, routes: Routes, service: Service, **options: Any) -> None:
        super().__init__(*args, **options)
        self._routes = routes
        self.service = service
        self._rendered: tuple[list[tuple[bytes, bytes]], int, bytes, bool] = [], 0, b"", False
        self._current: _Cycle | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._current is not None:
            self._current.prediction.let_go()
            self._current = None

    def give_up(self) -> None:
        """Answer for what has not been answered when the server ends."""
        if self._current is not None:
            self._current.keep_alive = False
            self._current.prediction.refuse(Draining("the server has ended: ask again"))

    def begin_cycle(self) -> None:
        found = self._routes.at(self.url) if self.parser.get_method() == b"POST" else None
        if found is None:
            super().begin_cycle()
            return
        before, cycle = self.cycle, _Cycle(self, *found)
        self.cycle = cycle  # type: ignore[assignment]
        if before is None or before.response_complete:
            self.begin(cycle)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))

    def take_body(self, body: bytes) -> None:
        if isinstance(self.cycle, _Cycle):
            self.cycle.prediction.take(body)
        else:
            super().take_body(body)

    def end_body(self) -> None:
        if isinstance(self.cycle, _Cycle):
            self.cycle.prediction.end()
        else:
            super().end_body()

    def begin(self, cycle: "_Cycle") -> None:
        """Its turn has come."""
        if self.transport.is_closing():
            return
        self._current = cycle
        self.flow.resume_reading()  # the rest of its body
        cycle.prediction.begin()
        if cycle.expects_continue and not cycle.response_complete:
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def answer(self, cycle: "_Cycle", status: HTTPStatus, reply: Reply, headers: Headers) -> None:
        """Write the answer to *cycle*, and begin what comes next."""
        if self.transport.is_closing():
            return
        if self.flow.write_paused:
            # Its client reads slowly, and asks on: what it has not taken must not grow.
            task = self.loop.create_task(self._answer_later(cycle, status, reply, headers))
            task.add_done_callback(self.tasks.discard)
            self.tasks.add(task)
            return
        self._current = None
        cycle.response_complete = True
        common, is_closing = self._common_headers()
        parts = [
            STATUS_LINE[status],
            common,
            b"content-type: %b\r\ncontent-length: %d\r\n" % (reply.media_type, len(reply.body)),
        ]
        parts += [b"%b: %b\r\n" % header for header in (*reply.headers, *headers)]
        if not cycle.keep_alive and not is_closing:
            parts.append(b"connection: close\r\n")
        parts += (b"\r\n", reply.body)
        self.transport.write(b"".join(parts))
        if is_closing or not cycle.keep_alive:
            self.close()
        self.on_response_complete()

    async def _answer_later(self, cycle: "_Cycle", status: HTTPStatus, reply: Reply, headers: Headers) -> None:
        await self.flow.drain()
        self.answer(cycle, status, reply, headers)

    def _common_headers(self) -> tuple[bytes, bool]:
        """The headers of every answer, and whether they close the connection."""
        now = self.server_state.default_headers
        known, length, rendered, is_closing = self._rendered
        if now is not known or len(now) != length:  # a new list each second; a longer one while the server drains
            rendered = b"".join(b"%b: %b\r\n" % header for header in now)
            is_closing = any(name == b"connection" for name, _ in now)
            self._rendered = now, len(now), rendered, is_closing
        return rendered, is_closing

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        if isinstance(cycle, _Cycle):
            # Not at once: there may be as many behind it as would be too deep a recursion.
            self.loop.call_soon(self.begin, cycle)
        else:
            super()._start_asgi_task(cycle, app)


class _Cycle:
    """Stands where uvicorn has the cycle of an ASGI application, with as much of it as its protocol looks at."""

    message_event = asyncio.Event()  # nobody waits for it
    disconnected = False

    def __init__(self, protocol: PredictingProtocol, path: str, route: Route) -> None:
        self.transport: object = protocol
        self.response_complete = False
        self.keep_alive = protocol.parser.get_http_version() != "1.0" and protocol.parser.should_keep_alive()
        self.expects_continue = protocol.expect_100_continue
        self.prediction = Prediction(
            protocol.service,
            route,
            method="POST",
            path=path,
            headers=protocol.headers,
            answer=partial(protocol.answer, self),
        )
