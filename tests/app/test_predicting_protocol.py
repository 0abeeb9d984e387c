"""Predictions answered by the protocol itself, over real sockets, with a dialect that answers what it is asked."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
import pytest
import uvicorn
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


class Echo:
    """Answers each body with itself, ``later…`` when told, ``large…`` at length; refuses ``bad…``."""

    def __init__(self) -> None:
        self.revision_ = Revision("sum", "1", "0" * 64, Signature((), ()), None)
        self.asked: list[bytes] = []
        self.later: dict[bytes, asyncio.Future] = {}

    def decode(self, body, headers, revision):
        if body.startswith(b"bad"):
            raise InvalidRequest("bad")
        self.asked.append(body)
        answer = body * 100_000 if body.startswith(b"large") else body
        return Call({"x": np.zeros((1, 1))}, [body], lambda _: Reply(answer, b"text/plain"))

    def revision(self, name=None, version=None):
        return self.revision_

    def check(self, revision, inputs):
        return inputs

    def run(self, revision, inputs, outputs, *, timeout_s=None):
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


@pytest.fixture
def talk():
    """Run a coroutine function with a `Peer`; the keys are those of *keys*."""

    def run(conversation, *, keys: Keys | None = None) -> None:
        async def all_of_it() -> None:
            async with peer(keys or Keys({})) as client:
                await asyncio.wait_for(conversation(client), 20)

        asyncio.run(all_of_it())

    return run


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


def test_an_answer_says_what_it_is_and_whose(talk):
    async def conversation(client: Peer) -> None:
        await client.send(post(b"one"))
        status, head, body = await client.answer()

        assert (status, body) == (200, b"one")
        assert "content-type: text/plain\r\n" in head
        assert f"x-model-sha256: {'0' * 64}\r\n" in head
        assert re.search(r"traceparent: 00-[0-9a-f]{32}-[0-9a-f]{16}-00\r\n", head)
        assert "connection:" not in head

    talk(conversation)


@pytest.mark.parametrize("path", ["/predict", "/team/predict", "/predict?a=b", "http://b/predict", "/%70redict"])
def test_a_route_is_known_however_it_is_spelt(talk, path):
    async def conversation(client: Peer) -> None:
        await client.send(post(b"one", path=path))
        assert (await client.answer())[2] == b"one"

    talk(conversation)


@pytest.mark.parametrize("path", ["/predict/", "/team", "/teampredict", "/team/team/predict", "/predict%0A", "*"])
def test_everything_else_is_the_applications(talk, path):
    async def conversation(client: Peer) -> None:
        await client.send(post(b"one", path=path))
        assert (await client.answer())[2] == b"else"

    talk(conversation)


def test_answers_come_in_the_order_of_the_requests(talk):
    async def conversation(client: Peer) -> None:
        await client.send(post(b"later 1"), post(b"two"), GET, post(b"later 2"), post(b"bad"), post(b"five"))
        await client.until(lambda: client.echo.later)
        assert client.echo.asked == [b"later 1"]
        client.echo.later[b"later 1"].set_result({})
        answers = [await client.answer() for _ in range(3)]
        await client.until(lambda: b"later 2" in client.echo.later)
        client.echo.later[b"later 2"].set_result({})
        answers += [await client.answer() for _ in range(3)]

        assert [body for _, _, body in answers] == [b"later 1", b"two", b"else", b"later 2", b"bad", b"five"]
        assert [status for status, _, _ in answers] == [200, 200, 200, 200, 400, 200]

    talk(conversation)


@pytest.mark.parametrize(("body", "status"), [(b"one", 200), (b"bad", 400)])
def test_thousands_may_come_at_once(talk, body, status):
    async def conversation(client: Peer) -> None:
        await client.send(post(body) * 3000)
        assert {(await client.answer())[0] for _ in range(3000)} == {status}

    talk(conversation)


def test_a_body_may_come_in_pieces(talk):
    async def conversation(client: Peer) -> None:
        request = post(b"seven" * 7)
        for start in range(0, len(request), 7):
            await client.send(request[start : start + 7])
            await asyncio.sleep(0)
        assert (await client.answer())[2] == b"seven" * 7
        chunked = post(b"", "Transfer-Encoding: chunked").replace(b"Content-Length: 0\r\n", b"")
        await client.send(chunked, b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n")
        assert (await client.answer())[2] == b"onetwo"

    talk(conversation)


@pytest.mark.parametrize("request_", [post(b"one", "Connection: close"), post(b"one", version="1.0")])
def test_a_connection_ends_where_the_client_wants_it(talk, request_):
    async def conversation(client: Peer) -> None:
        await client.send(request_)
        status, head, body = await client.answer()

        assert (status, body) == (200, b"one")
        assert "connection: close\r\n" in head
        assert await client.reader.read() == b""

    talk(conversation)


def test_a_client_that_asks_whether_to_go_on_is_told(talk):
    async def conversation(client: Peer) -> None:
        head, body = post(b"one", "Expect: 100-continue").split(b"\r\n\r\n")
        await client.send(head + b"\r\n\r\n")
        assert (await client.answer())[0] == 100
        await client.send(body)
        assert (await client.answer())[2] == b"one"

    talk(conversation)


def test_a_client_that_asks_whether_to_go_on_is_told_why_not(talk):
    async def conversation(client: Peer) -> None:
        await client.send(post(b"one", "Expect: 100-continue").removesuffix(b"one"))
        assert (await client.answer())[0] == 401

    talk(conversation, keys=Keys({"API_KEYS": "k"}))


@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_body_that_is_too_large_is_refused_and_the_next_request_answered(talk, is_chunked):
    async def conversation(client: Peer) -> None:
        body = b"x" * (MAX_BODY_BYTES + 1)
        request = post(body)
        if is_chunked:
            head = post(b"", "Transfer-Encoding: chunked").replace(b"Content-Length: 0\r\n", b"")
            request = head + b"".join(b"1000\r\n%s\r\n" % body[:4096] for _ in range(25)) + b"0\r\n\r\n"
        await client.send(request, post(b"one"))

        assert (await client.answer())[0] == 413
        assert (await client.answer())[2] == b"one"

    talk(conversation)


def test_a_client_that_goes_takes_its_question_with_it(talk):
    async def conversation(client: Peer) -> None:
        await client.send(post(b"later"))
        await client.until(lambda: client.echo.later)
        client.writer.close()
        await client.until(lambda: client.echo.later[b"later"].cancelled())
        await client.until(lambda: not client.state.connections)

        assert b'code="499",model="sum",protocol="fake",version="1"} 1.0' in client.metrics.text()

    talk(conversation)


def test_a_server_that_ends_says_so_to_those_who_wait(talk):
    async def conversation(client: Peer) -> None:
        await client.send(post(b"later"))
        await client.until(lambda: client.echo.later)
        [connection] = client.state.connections
        connection.give_up()
        status, head, _ = await client.answer()

        assert status == 503
        assert "connection: close\r\n" in head
        assert client.echo.later[b"later"].cancelled()
        assert await client.reader.read() == b""

    talk(conversation)


def test_a_server_that_drains_closes_with_each_answer(talk):
    async def conversation(client: Peer) -> None:
        await client.send(post(b"one"))
        await client.answer()
        client.state.default_headers.append((b"connection", b"close"))
        await client.send(post(b"two"))
        _, head, body = await client.answer()

        assert body == b"two"
        assert head.count("connection: close\r\n") == 1
        assert await client.reader.read() == b""

    talk(conversation)


def test_a_server_that_stops_answers_what_is_under_way_and_closes(talk):
    async def conversation(client: Peer) -> None:
        await client.send(post(b"later"))
        await client.until(lambda: client.echo.later)
        [connection] = client.state.connections
        connection.shutdown()
        client.echo.later[b"later"].set_result({})

        assert (await client.answer())[2] == b"later"
        assert await client.reader.read() == b""

    talk(conversation)


def test_answers_that_a_client_does_not_take_do_not_pile_up(talk):
    async def conversation(client: Peer) -> None:
        bodies = [b"large %d" % number for number in range(30)]
        await client.send(*map(post, bodies))
        await asyncio.sleep(0.2)
        taken = len(client.echo.asked)
        answers = [(await client.answer())[2] for _ in bodies]

        assert taken < 20, "of 30 answers of 0.8 MB, the sockets hold some"
        assert answers == [body * 100_000 for body in bodies]

    talk(conversation)
