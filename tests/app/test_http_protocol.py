"""What becomes of connections that do not keep to a client's part; over real sockets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvicorn
from uvicorn.server import ServerState

from model_deployment_app.app import http_protocol
from model_deployment_app.app.http_protocol import GuardedProtocol

GET = b"GET / HTTP/1.1\r\nHost: a\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"
FOREVER_S = 600.0


async def application(scope, receive, send):
    """Answers with the length of the body; at /refused before it has come."""
    count = 0
    while scope["path"] != "/refused":
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        count += len(message["body"])
        if not message["more_body"]:
            break
    words = str(count).encode()
    headers = [(b"content-length", str(len(words)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": words})


@asynccontextmanager
async def connection() -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    config = uvicorn.Config(application, log_config=None)
    config.load()
    state = ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: GuardedProtocol(config, state, {}), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    try:
        yield reader, writer
    finally:
        writer.close()
        server.close()
        await asyncio.gather(*state.tasks)


def exchanged(*parts: bytes) -> bytes:
    """Send *parts*, each once the loop has been at rest, and give back what comes until the server closes."""

    async def exchange() -> bytes:
        async with connection() as (reader, writer):
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(0)
            return await asyncio.wait_for(reader.read(), 20)

    return asyncio.run(exchange())


@pytest.fixture
def times(monkeypatch):
    def choose(*, head_s=FOREVER_S, body_s=FOREVER_S):
        monkeypatch.setattr(http_protocol, "HEAD_S", head_s)
        monkeypatch.setattr(http_protocol, "BODY_S", body_s)

    choose()
    return choose


@pytest.mark.parametrize("sent", [b"", b"G", GET, GET + b"X: 1\r\n"])
def test_a_head_that_does_not_come_whole_ends_the_connection(times, sent):
    times(head_s=0.05)

    answer = exchanged(sent)

    assert answer.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert b"connection: close" in answer


def test_a_body_that_does_not_come_ends_the_connection(times):
    times(body_s=0.05)

    assert exchanged(POST % 1000 + b"half") == b""


def test_a_body_that_drips_ends_the_connection(times):
    times(body_s=0.05)

    async def drip() -> bytes:
        async with connection() as (reader, writer):
            writer.write(POST % 100_000)
            answer = asyncio.ensure_future(reader.read())
            while not answer.done():
                writer.write(b"x")
                await asyncio.sleep(0.005)
            # What was still on its way when the server closed comes back as a reset.
            return b"" if isinstance(answer.exception(), ConnectionResetError) else answer.result()

    assert asyncio.run(asyncio.wait_for(drip(), 20)) == b""


def test_a_large_body_that_comes_steadily_is_taken(times, monkeypatch):
    times(body_s=0.05)
    monkeypatch.setattr(http_protocol, "BODY_BYTES", 1000)

    async def send() -> bytes:
        async with connection() as (reader, writer):
            writer.write(POST % 100_000)
            for _ in range(100):
                writer.write(b"x" * 1000)
                await asyncio.sleep(0.005)
            return await reader.readuntil(b"100000")

    assert b"200 OK" in asyncio.run(asyncio.wait_for(send(), 20))


@pytest.mark.parametrize(
    "head",
    [
        GET + b"X: " + b"x" * 70_000 + b"\r\n\r\n",
        GET + b"X: 1\r\n" * 300 + b"\r\n",
        GET + b"X: " + b"x" * 500 + b"\r\n" + b"Y: 1\r\n" * 10_000 + b"\r\n",
        b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n",
    ],
    ids=["a long header", "many headers", "very many headers", "a long address"],
)
def test_a_head_that_is_too_large_is_refused(times, head):
    answer = exchanged(head)

    assert answer.startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n")
    assert answer.endswith(b"the address and the headers are too large")


def test_a_request_that_is_no_http_gets_uvicorns_own_refusal(times):
    assert exchanged(b"nonsense\r\n\r\n").startswith(b"HTTP/1.1 400 Bad Request\r\n")


def test_requests_that_come_in_pieces_or_together_are_answered(times):
    body = b"12345"
    pieces = [bytes([byte]) for byte in POST % 5 + body]
    last = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

    answers = exchanged(*pieces, (POST % 5 + body) * 3 + last)

    assert answers.count(b"200 OK") == 5
    assert answers.count(b"\r\n\r\n5") == 4


def test_a_body_that_is_refused_is_read_on_up_to_a_bound(times, monkeypatch):
    monkeypatch.setattr(http_protocol, "MAX_DISCARDED_BYTES", 50_000)
    refused = b"POST /refused HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"
    last = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

    async def send(count: int) -> bytes:
        async with connection() as (reader, writer):
            writer.write(refused % count)
            answer = await reader.readuntil(b"\r\n\r\n0")
            writer.write(b"x" * count + last)
            try:
                return answer + await reader.read()
            except ConnectionResetError:  # it was closed while more was on its way
                return answer

    within, beyond = (asyncio.run(asyncio.wait_for(send(count), 20)) for count in (40_000, 200_000))

    assert within.count(b"200 OK") == 2
    assert beyond.count(b"200 OK") == 1
