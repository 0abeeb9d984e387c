"""What is held open: whoever watches costs little and holds up nobody, and there is an end to how many may."""

import asyncio
import time
from collections import Counter
from contextlib import AsyncExitStack
from functools import partial

import grpc
import joblib
import pytest
from grpc_client import WATCH, Sum, infer, serving
from grpc_health.v1 import health_pb2

from model_deployment_app.app import grpc_lane, grpc_server
from model_deployment_app.app.keys import Keys
from model_deployment_app.dataplane import DataPlane

HealthCheckResponse = health_pb2.HealthCheckResponse
REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
A_CONNECTION = 100


@pytest.fixture
def serve(tmp_path):
    return partial(serving, tmp_path)


@pytest.fixture
def looks(monkeypatch):
    """When the server has looked whether it is ready."""
    looks = []
    is_ready = DataPlane.is_ready
    monkeypatch.setattr(DataPlane, "is_ready", lambda self: looks.append(time.monotonic()) or is_ready(self))
    return looks


class Watchers:
    """Streams of one server, by as many connections as they need."""

    def __init__(self, port, stack):
        self._port = port
        self._stack = stack
        self._channel = None
        self.streams = []

    async def add(self, count, service=""):
        """Open *count*, one after the other; what each is told first: a status, or a refusal."""
        first = []
        for _ in range(count):
            if len(self.streams) % A_CONNECTION == 0:
                # Of its own: channels share their connections by default.
                options = [("grpc.use_local_subchannel_pool", 1)]
                channel = grpc.aio.insecure_channel(f"127.0.0.1:{self._port}", options)
                self._channel = await self._stack.enter_async_context(channel)
            request = health_pb2.HealthCheckRequest(service=service).SerializeToString()
            self.streams.append(self._channel.unary_stream(WATCH)(request, timeout=60))
            first.append(await told(self.streams[-1]))
        return first


async def told(stream):
    try:
        return HealthCheckResponse.FromString(await stream.read()).status
    except grpc.aio.AioRpcError as error:
        return error.code().name, error.details()


async def until(condition):
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.001)


def test_200_that_watch_are_looked_for_once_and_hold_up_no_prediction(serve, looks):
    async def ask():
        async with serve() as client, AsyncExitStack() as stack:
            watchers = Watchers(client.port, stack)
            first = Counter(await watchers.add(200))
            looks.clear()
            await until(lambda: len(looks) == 4)
            started = time.monotonic()
            reply = await client.call("ModelInfer", infer(1, 2))
            latency_s = time.monotonic() - started
            stopping = asyncio.create_task(client.stop())
            last = Counter([await told(stream) for stream in watchers.streams])
            await stopping
            codes = Counter([await stream.code() for stream in watchers.streams])
            return first, reply, latency_s, last, codes

    first, reply, latency_s, last, codes = asyncio.run(ask())

    assert first == {HealthCheckResponse.SERVING: 200}
    assert last == {HealthCheckResponse.NOT_SERVING: 200}
    assert codes == {grpc.StatusCode.OK: 200}
    assert reply
    assert latency_s < 1
    # Each on its own would look 800 times a second.
    assert looks[3] - looks[0] > 0.5


def test_whoever_watches_is_told_when_the_models_are_there(serve, tmp_path):
    key = {"Authorization": "Bearer root"}

    async def ask():
        names, keys = ("sum", "other"), Keys({"ADMIN_API_KEYS": "root"})
        async with (
            serve(keys, file="later.joblib", is_ready=False, names=names) as client,
            AsyncExitStack() as stack,
        ):
            watchers = Watchers(client.port, stack)
            before = await watchers.add(3) + await watchers.add(1, service="tulip")
            joblib.dump(Sum(), tmp_path / "later.joblib")
            for name in names:
                await until_loaded(client, name, key)
            return before, [await told(stream) for stream in watchers.streams[:3]]

    before, after = asyncio.run(ask())

    assert before == [HealthCheckResponse.NOT_SERVING] * 3 + [HealthCheckResponse.SERVICE_UNKNOWN]
    assert after == [HealthCheckResponse.SERVING] * 3


async def until_loaded(client, name, key):
    # As long as it is at its first attempt, another is a 409.
    while (await client.post(f"/v1/models/{name}/load", **key)).status_code != 200:
        await asyncio.sleep(0.005)


def test_nobody_is_looked_for_once_nobody_watches(serve, looks):
    async def ask():
        async with serve() as client, AsyncExitStack() as stack:
            watchers = Watchers(client.port, stack)
            await watchers.add(2)
            for stream in watchers.streams:
                stream.cancel()
            n_looks = -1
            async with asyncio.timeout(10):
                while n_looks != len(looks):
                    n_looks = len(looks)
                    await asyncio.sleep(0.6)
            return await watchers.add(1)

    assert asyncio.run(ask()) == [HealthCheckResponse.SERVING]


def test_more_than_may_be_open_are_refused_until_one_is_closed(serve, monkeypatch, capfd):
    monkeypatch.setattr(grpc_lane, "MAX_STREAMS", 3)

    async def ask():
        async with serve() as client, AsyncExitStack() as stack:
            watchers = Watchers(client.port, stack)
            opened = await watchers.add(4)
            channel = await stack.enter_async_context(grpc.aio.insecure_channel(f"127.0.0.1:{client.port}"))
            refused = await told(channel.stream_stream(REFLECTION)(iter([b""]), timeout=30))
            answered = await client.health(), await client.call("ModelInfer", infer(1, 2))
            watchers.streams[0].cancel()
            async with asyncio.timeout(10):
                while await watchers.add(1) != [HealthCheckResponse.SERVING]:
                    await asyncio.sleep(0.005)
            return opened, refused, answered

    opened, refused, (health, reply) = asyncio.run(ask())

    words = "3 streams of health and reflection are open: come again later"
    assert opened == [HealthCheckResponse.SERVING] * 3 + [("RESOURCE_EXHAUSTED", words)]
    assert refused == opened[3]
    assert (
        "error_code=TooManyStreams protocol=- method=POST path=/grpc.health.v1.Health/Watch" in capfd.readouterr().err
    )
    assert health.status == HealthCheckResponse.SERVING
    assert reply


def test_calls_that_are_left_open_have_an_end_as_well(serve, monkeypatch):
    monkeypatch.setattr(grpc_server, "MAX_CALLS", 10)

    async def ask():
        async with serve() as client, AsyncExitStack() as stack:
            channel = await stack.enter_async_context(grpc.aio.insecure_channel(f"127.0.0.1:{client.port}"))
            # None of them sends its message.
            left = [channel.stream_unary("/inference.GRPCInferenceService/ModelInfer")(timeout=30) for _ in range(12)]
            async with asyncio.timeout(10):
                while (refused := await client.refusal("ServerLive"))[0] == "OK":
                    await asyncio.sleep(0.005)
                for call in left:
                    call.cancel()
                while (answered := await client.refusal("ModelInfer", infer(1, 2)))[0] != "OK":
                    await asyncio.sleep(0.005)
            return refused, answered

    refused, answered = asyncio.run(ask())

    assert refused[0] == "RESOURCE_EXHAUSTED"
    assert answered[0] == "OK"
