"""Many requests at once, and those that ask for another protocol; over real sockets."""

import asyncio
import re

import pytest
from http_peer import GET, Peer, chunked, post, talk

from model_deployment_app.app.keys import Keys
from model_deployment_app.app.turns import TURN_BYTES

UPGRADE = (
    "Connection: Upgrade, HTTP2-Settings",
    "Upgrade: h2c",
    "HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA",
)
SMUGGLED = GET * 3


@pytest.mark.parametrize("request_", [post(SMUGGLED, *UPGRADE), chunked(SMUGGLED, headers=UPGRADE)])
@pytest.mark.parametrize("piece", [1, 100, 100_000])
def test_a_request_that_would_have_another_protocol_is_answered_in_this_one(request_, piece):
    async def conversation(client: Peer) -> None:
        sent = request_ + post(b"two") + post(b"three", *UPGRADE)
        for start in range(0, len(sent), piece):
            await client.send(sent[start : start + piece])
            await asyncio.sleep(0)

        assert [(await client.answer())[2] for _ in range(3)] == [SMUGGLED, b"two", b"three"]

    talk(conversation)


def test_the_application_answers_such_requests_too():
    async def conversation(client: Peer) -> None:
        websocket = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n"
        await client.send(GET.removesuffix(b"\r\n") + websocket.encode(), post(b"two"))

        assert [(await client.answer())[2] for _ in range(2)] == [b"else", b"two"]

    talk(conversation)


def test_a_client_that_would_have_another_protocol_may_ask_whether_to_go_on():
    async def conversation(client: Peer) -> None:
        await client.send(post(b"one", "Expect: 100-continue", *UPGRADE).removesuffix(b"one"))
        assert (await client.answer())[0] == 100
        await client.send(b"one")
        assert (await client.answer())[2] == b"one"

    talk(conversation)


def test_however_many_requests_are_refused_others_have_their_turn():
    async def conversation(client: Peer) -> None:
        refused = post(b"bad")
        most = before = 0

        async def watch() -> None:
            nonlocal most, before
            while True:
                most, before = max(most, client.echo.refused - before), client.echo.refused
                await asyncio.sleep(0)

        watching = asyncio.create_task(watch())
        sending = asyncio.create_task(client.send(refused * 5000))
        assert {(await client.answer())[0] for _ in range(5000)} == {400}
        await sending
        watching.cancel()

        # Of two that come together, a part of a third may be there.
        assert 0 < most <= 2 * (TURN_BYTES // len(refused) + 1)

    talk(conversation)


def test_requests_that_wait_are_few_however_many_are_sent():
    async def conversation(client: Peer) -> None:
        await client.send(GET)
        await client.answer()
        [connection] = client.state.connections
        sending = asyncio.create_task(client.send(GET * 5000))
        waiting = []
        for _ in range(5000):
            await client.answer()
            waiting.append(len(connection.pipeline))
        await sending

        assert 0 < max(waiting) <= TURN_BYTES // len(GET) + 1

    talk(conversation)


def test_a_large_body_behind_others_is_read_once_it_has_its_turn():
    async def conversation(client: Peer) -> None:
        body = b"x" * 90_000
        await client.send(post(b"later"), GET, post(body)[:50_000])
        await client.until(lambda: client.echo.later)
        client.echo.later[b"later"].set_result({})
        await client.send(post(body)[50_000:], GET)

        assert [(await client.answer())[2] for _ in range(4)] == [b"later", b"else", body, b"else"]

    talk(conversation)


@pytest.mark.parametrize("first", [post(b"later"), chunked(b"later")])
@pytest.mark.parametrize("wrong", [b"ZZ\r\n", b"3\r\none\r\n0\r\nContent-Length: 3\r\n\r\n"])
def test_an_answer_is_not_that_to_a_wrong_request_behind_it(first, wrong):
    async def conversation(client: Peer) -> None:
        await client.send(first, chunked().partition(b"\r\n\r\n")[0], b"\r\n\r\n", wrong)
        await client.until(lambda: client.echo.later)
        await asyncio.sleep(0.05)
        client.echo.later[b"later"].set_result({})
        status, head, body = await client.answer()

        assert (status, body) == (200, b"later")
        assert "connection: close\r\n" in head
        assert await client.reader.read() == b""

    talk(conversation)


def test_a_server_that_drains_does_not_wait_for_the_rest_of_a_next_request():
    async def conversation(client: Peer) -> None:
        client.state.default_headers.append((b"connection", b"close"))
        await client.send(post(b"later"), post(b"two")[:-1])
        await client.until(lambda: client.echo.later)
        client.echo.later[b"later"].set_result({})

        assert (await client.answer())[2] == b"later"
        assert await client.reader.read() == b""
        await client.until(lambda: not client.state.connections)
        assert client.echo.asked == [b"later"]

    talk(conversation)


@pytest.mark.parametrize("is_behind", [False, True])
def test_what_stands_behind_a_body_is_no_header(is_behind):
    async def conversation(client: Peer) -> None:
        first = post(b"one", "X-API-Key: k")
        await client.send(first * is_behind, chunked(b"two", trailer="X-API-Key: k\r\n"))
        if is_behind:
            assert (await client.answer())[0] == 200
        assert (await client.answer())[0] == 401

    talk(conversation, keys=Keys({"API_KEYS": "k"}))


def test_a_client_of_old_is_not_told_to_go_on():
    async def conversation(client: Peer) -> None:
        await client.send(post(b"one", "Expect: 100-continue", version="1.0"))

        assert re.match(rb"HTTP/1.1 200 OK\r\n", await client.reader.read())

    talk(conversation)


def test_a_connection_keeps_nothing_of_what_it_has_answered():
    async def conversation(client: Peer) -> None:
        await client.send(post(b"one"))
        await client.answer()

        assert [answer() for answer in client.echo.answers] == [None]

    talk(conversation)


def test_a_client_that_breaks_off_while_its_answer_waits_is_forgotten():
    async def conversation(client: Peer) -> None:
        troubles = []
        asyncio.get_running_loop().set_exception_handler(lambda _, trouble: troubles.append(trouble))
        await client.send(*(post(b"large %d" % number) for number in range(20)))
        await asyncio.sleep(0.2)
        assert 0 < len(client.echo.asked) < 20
        client.writer.transport.abort()
        await client.until(lambda: not client.state.connections)
        await asyncio.sleep(0.05)

        assert troubles == []

    talk(conversation)
