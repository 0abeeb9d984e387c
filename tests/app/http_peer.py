"""A client of `PredictingProtocol` over a real socket, and a dialect behind it that answers what it is asked."""

import asyncio
import re
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import numpy as np
import uvicorn
import uvloop
from uvicorn.server import ServerState

from model_deployment_app.app.keys import Keys
from model_deployment_app.app.predicting_protocol import PredictingProtocol
from model_deployment_app.app.routes import Routes
from model_deployment_app.app.service import Service
from model_deployment_app.engine.revision import Revision
from model_deployment_app.errors import InvalidRequest
from model_deployment_app.protocols import Call, Endpoint, Reply
from model_deployment_app.signature import Signature
from model_deployment_app.telemetry import logs
from model_deployment_app.telemetry.exchange import Recorder
from model_deployment_app.telemetry.metrics import Metrics

MAX_BODY_BYTES = 100_000
GET = b"GET /else HTTP/1.1\r\nHost: a\r\n\r\n"


def post(body: bytes, *headers: str, path: str = "/predict", version: str = "1.1") -> bytes:
    head = [f"POST {path} HTTP/{version}", "Host: a", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def chunked(*chunks: bytes, headers: Sequence[str] = (), trailer: str = "") -> bytes:
    head = post(b"", "Transfer-Encoding: chunked", *headers).replace(b"Content-Length: 0\r\n", b"")
    return (
        head + b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n%b\r\n" % trailer.encode()
    )


@dataclass(eq=False)
class Answer:
    body: bytes


class Echo:
    """Answers each body with itself, ``later…`` when told, ``large…`` at length; refuses ``bad…``."""

    def __init__(self) -> None:
        self.revision_ = Revision("sum", "1", "0" * 64, Signature((), ()), None)
        self.asked: list[bytes] = []
        self.refused = 0
        self.answers: list[weakref.ref[Answer]] = []
        self.later: dict[bytes, asyncio.Future] = {}

    def decode(self, body, headers, revision):
        if body.startswith(b"bad"):
            self.refused += 1
            raise InvalidRequest("bad")
        self.asked.append(body)
        answer = Answer(body * 100_000 if body.startswith(b"large") else body)
        self.answers.append(weakref.ref(answer))
        return Call({"x": np.zeros((1, 1))}, [body], lambda _: Reply(answer.body, b"text/plain"))

    def revision(self, name=None, version=None):
        return self.revision_

    def check(self, revision, inputs):
        return inputs

    def run(self, revision, inputs, outputs, *, timeout_s=None, since=None):
        future = asyncio.get_running_loop().create_future()
        if outputs[0].startswith(b"later"):
            self.later[outputs[0]] = future
        else:
            future.set_result({})
        return future


async def application(scope, receive, send):
    words = b"else"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(words))]})
    await send({"type": "http.response.body", "body": words})


class Peer:
    """One client, and what it talks to."""

    def __init__(self, reader, writer, echo: Echo, state: ServerState, metrics: Metrics) -> None:
        self.reader, self.writer, self.echo, self.state, self.metrics = reader, writer, echo, state, metrics

    async def send(self, *parts: bytes) -> None:
        self.writer.write(b"".join(parts))
        await self.writer.drain()

    async def answer(self) -> tuple[int, str, bytes]:
        """Status, head and body of the next."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        length = re.search(r"content-length: (\d+)", head)
        return int(head.split()[1]), head, await self.reader.readexactly(int(length[1]) if length else 0)

    async def until(self, is_so) -> None:
        while not is_so():
            await asyncio.sleep(0.001)


def talk(conversation: Callable[[Peer], Awaitable[None]], *, keys: Keys | None = None) -> None:
    """Have *conversation* with a server of its own, on the loop that ours runs on; the keys are those of *keys*."""

    async def all_of_it() -> None:
        async with peer(keys or Keys({})) as client:
            await asyncio.wait_for(conversation(client), 20)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(all_of_it())


@asynccontextmanager
async def peer(keys: Keys) -> AsyncIterator[Peer]:
    echo, state, metrics = Echo(), ServerState(), Metrics()
    endpoint = Endpoint("fake", "/predict", "", echo.decode, lambda error: str(error).encode(), {}, {}, None)
    recorder = Recorder(metrics, logs.Events("error", "text"), has_access_log=False)
    service = Service(echo, keys, recorder, MAX_BODY_BYTES)
    routes = Routes([endpoint], root_path="/team")
    config = uvicorn.Config(application, log_config=None, timeout_keep_alive=1)
    config.load()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: PredictingProtocol(config, state, {}, routes=routes, service=service), "127.0.0.1", 0
    )
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    try:
        yield Peer(reader, writer, echo, state, metrics)
    finally:
        writer.close()
        server.close()
        while state.connections:
            await asyncio.sleep(0.001)
