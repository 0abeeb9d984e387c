"""Predictions answered by the protocol itself, over real sockets."""

import asyncio
import re

import pytest
from http_peer import GET, MAX_BODY_BYTES, Peer, chunked, post, talk

from model_deployment_app.app.keys import Keys


def test_an_answer_says_what_it_is_and_whose():
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
def test_a_route_is_known_however_it_is_spelt(path):
    async def conversation(client: Peer) -> None:
        await client.send(post(b"one", path=path))
        assert (await client.answer())[2] == b"one"

    talk(conversation)


@pytest.mark.parametrize("path", ["/predict/", "/team", "/teampredict", "/team/team/predict", "/predict%0A", "*"])
def test_everything_else_is_the_applications(path):
    async def conversation(client: Peer) -> None:
        await client.send(post(b"one", path=path))
        assert (await client.answer())[2] == b"else"

    talk(conversation)


def test_answers_come_in_the_order_of_the_requests():
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
def test_thousands_may_come_at_once(body, status):
    async def conversation(client: Peer) -> None:
        await client.send(post(body) * 3000)
        assert {(await client.answer())[0] for _ in range(3000)} == {status}

    talk(conversation)


def test_a_body_may_come_in_pieces():
    async def conversation(client: Peer) -> None:
        request = post(b"seven" * 7)
        for start in range(0, len(request), 7):
            await client.send(request[start : start + 7])
            await asyncio.sleep(0)
        assert (await client.answer())[2] == b"seven" * 7
        await client.send(chunked(b"one", b"two"))
        assert (await client.answer())[2] == b"onetwo"

    talk(conversation)


@pytest.mark.parametrize("request_", [post(b"one", "Connection: close"), post(b"one", version="1.0")])
def test_a_connection_ends_where_the_client_wants_it(request_):
    async def conversation(client: Peer) -> None:
        await client.send(request_)
        status, head, body = await client.answer()

        assert (status, body) == (200, b"one")
        assert "connection: close\r\n" in head
        assert await client.reader.read() == b""

    talk(conversation)


def test_a_client_that_asks_whether_to_go_on_is_told():
    async def conversation(client: Peer) -> None:
        head, body = post(b"one", "Expect: 100-continue").split(b"\r\n\r\n")
        await client.send(head + b"\r\n\r\n")
        assert (await client.answer())[0] == 100
        await client.send(body)
        assert (await client.answer())[2] == b"one"

    talk(conversation)


def test_a_client_that_asks_whether_to_go_on_is_told_why_not():
    async def conversation(client: Peer) -> None:
        await client.send(post(b"one", "Expect: 100-continue").removesuffix(b"one"))
        assert (await client.answer())[0] == 401

    talk(conversation, keys=Keys({"API_KEYS": "k"}))


@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_body_that_is_too_large_is_refused_and_the_next_request_answered(is_chunked):
    async def conversation(client: Peer) -> None:
        body = b"x" * (MAX_BODY_BYTES + 1)
        request = chunked(*[body[:4096]] * 25) if is_chunked else post(body)
        await client.send(request, post(b"one"))

        assert (await client.answer())[0] == 413
        assert (await client.answer())[2] == b"one"

    talk(conversation)


def test_a_client_that_goes_takes_its_question_with_it():
    async def conversation(client: Peer) -> None:
        await client.send(post(b"later"))
        await client.until(lambda: client.echo.later)
        client.writer.close()
        await client.until(lambda: client.echo.later[b"later"].cancelled())
        await client.until(lambda: not client.state.connections)

        assert b'code="499",model="sum",protocol="fake",version="1"} 1.0' in client.metrics.text()

    talk(conversation)


def test_a_server_that_ends_says_so_to_those_who_wait():
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


def test_a_server_that_drains_closes_with_each_answer():
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


def test_a_server_that_stops_answers_what_is_under_way_and_closes():
    async def conversation(client: Peer) -> None:
        await client.send(post(b"later"))
        await client.until(lambda: client.echo.later)
        [connection] = client.state.connections
        connection.shutdown()
        client.echo.later[b"later"].set_result({})

        assert (await client.answer())[2] == b"later"
        assert await client.reader.read() == b""

    talk(conversation)


def test_answers_that_a_client_does_not_take_do_not_pile_up():
    async def conversation(client: Peer) -> None:
        bodies = [b"large %d" % number for number in range(30)]
        await client.send(*map(post, bodies))
        await asyncio.sleep(0.2)
        taken = len(client.echo.asked)
        answers = [(await client.answer())[2] for _ in bodies]

        assert taken < 20, "of 30 answers of 0.8 MB, the sockets hold some"
        assert answers == [body * 100_000 for body in bodies]

    talk(conversation)
