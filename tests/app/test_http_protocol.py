"""What becomes of connections that do not keep to a client's part; over real sockets."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
import uvicorn
from uvicorn.server import ServerState

from model_deployment_app.app import http_protocol
from model_deployment_app.app.http_protocol import GuardedProtocol

GET = b"GET / HTTP/1.1\r\nHost: a\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"
FOREVER_S = 600.0

#: Bytes: more than the sockets of both ends hold.
LARGE = 64 * 2**20


async def application(scope, receive, send):
    """Answers with the length of the body; /refused before it has come, /later after a while, /large at length."""
    count = 0
    if scope["path"] == "/later":
        await asyncio.sleep(0.3)
    while scope["path"] != "/refused":
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        count += len(message["body"])
        if not message["more_body"]:
            break
    words = b"x" * LARGE if scope["path"] == "/large" else str(count).encode()
    headers = [(b"content-length", str(len(words)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": words})


@asynccontextmanager
async def connection(
    state: ServerState | None = None,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    config = uvicorn.Config(application, log_config=None, timeout_keep_alive=1)
    config.load()
    state = ServerState() if state is None else state
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: GuardedProtocol(config, state, {}), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    try:
        yield reader, writer
    finally:
        writer.close()
        server.close()
        await asyncio.gather(*state.tasks)
        while state.connections:
            await asyncio.sleep(0.01)


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
    def choose(*, head_s=FOREVER_S, body_s=FOREVER_S, answer_s=FOREVER_S):
        monkeypatch.setattr(http_protocol, "HEAD_S", head_s)
        monkeypatch.setattr(http_protocol, "BODY_S", body_s)
        monkeypatch.setattr(http_protocol, "ANSWER_S", answer_s)

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


def test_a_request_that_is_no_http_is_refused(times):
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


def test_a_refusal_of_the_last_body_is_not_cut_by_what_is_still_sent(times):
    async def send() -> bytes:
        async with connection() as (reader, writer):
            writer.write(
                b"POST /refused HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % LARGE
            )
            await reader.readuntil(b"\r\n\r\n")
            for _ in range(LARGE // 65_536):
                writer.write(b"x" * 65_536)
                await writer.drain()
            return await reader.read()

    assert asyncio.run(asyncio.wait_for(send(), 20)) == b"0"


def test_a_header_without_end_is_refused_before_it_ends(times):
    answer = exchanged(GET + b"X: ", *[b"x" * 65_536] * 10)

    assert answer.startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n")


@pytest.mark.parametrize(
    "parts",
    [
        (GET + b"\r\n", b"\r\n"),
        (b"POST /refused HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345", b"67890"),
    ],
    ids=["a blank line", "the rest of a refused body"],
)
def test_what_is_no_request_does_not_keep_an_idle_connection_open(times, parts):
    async def send() -> bytes:
        async with connection() as (reader, writer):
            writer.write(parts[0])
            await reader.readuntil(b"\r\n\r\n0")
            writer.write(parts[1])
            return await reader.read()

    assert asyncio.run(asyncio.wait_for(send(), 20)) == b""


@pytest.mark.parametrize(
    "begun", [b"GET / HT", GET + b"X: 1\r\n" * 300, GET + b"X: " + b"x" * 70_000, b"nonsense\r\n\r\n"]
)
def test_a_next_request_that_is_late_or_wrong_does_not_stand_in_for_the_answer(times, begun):
    times(head_s=0.1)

    answers = exchanged(b"GET /later HTTP/1.1\r\nHost: a\r\n\r\n", begun)

    assert answers.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answers.count(b"200 OK") == 1


@pytest.fixture
def leaves_the_answer(times):
    """Ask for a large answer, take *take_bytes* of it twenty times a second; whether the server has given up."""

    async def ask(take_bytes: int) -> bool:
        state = ServerState()
        async with connection(state) as (reader, writer):
            writer.write(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
            taken = 0
            for _ in range(30):
                if take_bytes:
                    taken += len(await reader.read(take_bytes))
                await asyncio.sleep(0.05)
                if not state.connections:
                    return True
        return False

    times(answer_s=0.3)
    return lambda take_bytes: asyncio.run(asyncio.wait_for(ask(take_bytes), 20))


def test_an_answer_that_nobody_takes_is_dropped(leaves_the_answer):
    assert leaves_the_answer(0)


def test_an_answer_that_is_taken_slowly_is_sent(leaves_the_answer):
    assert not leaves_the_answer(500_000)


async def shut_down(state: ServerState, has_begun: Callable[[GuardedProtocol], bool]) -> None:
    """As uvicorn does it, once *has_begun* holds for a connection."""
    while not any(map(has_begun, state.connections)):
        await asyncio.sleep(0.01)
    for each in list(state.connections):
        each.shutdown()


def test_a_server_that_ends_waits_for_the_rest_of_a_head(times):
    async def send() -> bytes:
        state = ServerState()
        async with connection(state) as (reader, writer):
            writer.write(GET)
            await shut_down(state, lambda each: each.headers is not None)
            writer.write(b"Connection: close\r\n\r\n")
            return await reader.read()

    assert asyncio.run(asyncio.wait_for(send(), 20)).startswith(b"HTTP/1.1 200 OK\r\n")


def test_a_server_that_ends_does_not_wait_long(times, monkeypatch):
    monkeypatch.setattr(http_protocol, "LAST_HEAD_S", 0.05)

    async def wait() -> bytes:
        state = ServerState()
        async with connection(state) as (reader, _):
            await shut_down(state, lambda each: True)
            return await reader.read()

    assert asyncio.run(asyncio.wait_for(wait(), 20)).startswith(b"HTTP/1.1 408 ")
