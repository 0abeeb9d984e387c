"""Who is let in over gRPC, by metadata that clients send and by what no client would."""

import asyncio
import struct
from functools import partial

import pytest
from grpc_client import infer, serving

from model_deployment_app.app.keys import Keys
from model_deployment_app.protocols import _messages as messages

HEADERS, SETTINGS, END_STREAM, END_HEADERS = 1, 4, 1, 4
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


@pytest.fixture
def serve(tmp_path):
    return partial(serving, tmp_path)


def test_predictions_and_metadata_need_a_key_and_probes_none(serve):
    keys = Keys({"API_KEYS": "first,second"})
    asked = {
        "ModelInfer": infer(1, 2),
        "ModelMetadata": messages.ModelMetadataRequest(name="sum"),
        "ServerMetadata": b"",
    }

    async def ask():
        async with serve(keys) as client:
            refused = [await client.refusal(method, asked[method]) for method in asked]
            refused.append(await client.refusal("ModelInfer", infer(1, 2), x_api_key="third"))
            refused.append(await client.refusal("Nothing"))
            await client.call("ModelInfer", infer(1, 2), x_api_key="first")
            await client.call("ModelInfer", infer(1, 2), authorization="Bearer second")
            for method in ("ServerLive", "ServerReady"):
                await client.call(method)
            await client.call("ModelReady", messages.ModelReadyRequest(name="sum"))
            return refused

    refused = asyncio.run(ask())

    assert {code for code, _, _ in refused} == {"UNAUTHENTICATED"}
    assert refused[0][1] == "an API key is missing: send Authorization: Bearer KEY, or x-api-key: KEY"


@pytest.mark.parametrize("name", ["x-api-key", "authorization"])
@pytest.mark.parametrize("values", [("another", "known"), ("known", "another"), ("known", "known")])
def test_metadata_that_is_given_twice_is_refused(serve, name, values):
    prefix = "Bearer " if name == "authorization" else ""
    given = [(name, prefix + value) for value in values]

    async def ask():
        async with serve(Keys({"API_KEYS": "known"})) as client:
            await client.call("ModelInfer", infer(1, 2), given[values.index("known")])
            return await client.refusal("ModelInfer", infer(1, 2), *given)

    code, details, _ = asyncio.run(ask())

    assert code == "UNAUTHENTICATED"
    assert "given twice" in details


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ([(b"x-api-key", b"\xff\xfe")], "is not known"),
        ([(b"x-api-key", b"known\xff")], "is not known"),
        ([(b"x-api-key", b"known\0")], "is not known"),
        ([(b"authorization", b"Bearer \xff\xfe")], "is not known"),
        ([(b"authorization", b"\xff\xfe")], "is missing"),
        ([(b"x-api-key", b"known"), (b"x-api-key", b"\xff")], "given twice"),
        ([(b"x-api-key-bin", b"a25vd24")], "is missing"),
    ],
)
def test_a_key_that_is_no_text_is_not_known(serve, headers, words):
    async def ask():
        async with serve(Keys({"API_KEYS": "known"})) as client:
            assert await raw(client.port, "ServerMetadata", [(b"x-api-key", b"known")]) == ("0", "")
            return await raw(client.port, "ServerMetadata", headers)

    status, message = asyncio.run(ask())

    assert status == "16"  # UNAUTHENTICATED
    assert words in message


async def raw(port, method, headers):
    """Status and message of a call whose metadata no client's library would send."""
    path = f"/{messages.SERVICE}/{method}".encode()
    fields = [(b":method", b"POST"), (b":scheme", b"http"), (b":path", path), (b":authority", b"model")]
    fields += [(b"te", b"trailers"), (b"content-type", b"application/grpc"), *headers]
    block = b"".join(b"\0" + _string(name) + _string(value) for name, value in fields)
    message = b"\0" + struct.pack(">I", 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(PREFACE + _frame(SETTINGS, 0, 0) + _frame(HEADERS, END_HEADERS, 1, block))
    writer.write(_frame(0, END_STREAM, 1, message))
    trailers = b""
    async with asyncio.timeout(10):
        while b"grpc-message" not in trailers:
            head = await reader.readexactly(9)
            payload = await reader.readexactly(int.from_bytes(head[:3]))
            trailers = payload if head[3] == HEADERS else trailers
    writer.close()
    await writer.wait_closed()
    return _value(trailers, b"grpc-status").decode(), _value(trailers, b"grpc-message").decode()


def _frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def _string(text):
    assert len(text) < 127
    return bytes([len(text)]) + text


def _value(block, name):
    """Of a header that is not compressed, as gRPC sends the first of its kind on a connection."""
    _, _, rest = block.partition(name)
    return rest[1 : 1 + rest[0]]
