"""How messages that take long to decode are kept apart from those that do not."""

import asyncio
import gc
import threading
from functools import partial

import numpy as np
import pytest
from grpc_client import CHECK, infer, serving
from grpc_health.v1 import health_pb2

from model_deployment_app.app.conversion import MAX_INLINE_BYTES
from model_deployment_app.app.keys import Keys
from model_deployment_app.protocols import _grpc as codec
from model_deployment_app.protocols import _messages as messages

N_ROWS = MAX_INLINE_BYTES // 16 + 1


class Gate:
    """Where large messages wait to be decoded: which are there, and how they are decoded."""

    def __init__(self, decode):
        self.revisions, self.threads, self.collects = [], [], []
        self.most_at_once = 0
        self._decode = decode
        self._decoding = 0
        self._tickets = threading.Semaphore(0)

    def decode(self, request, revision):
        self.revisions.append(revision)
        self.threads.append(threading.current_thread())
        self.collects.append(gc.isenabled())
        self._decoding += 1
        self.most_at_once = max(self.most_at_once, self._decoding)
        try:
            # In the event loop, nobody would let it in.
            assert self._tickets.acquire(timeout=5)
            return self._decode(request, revision)
        finally:
            self._decoding -= 1

    async def has(self, count):
        async with asyncio.timeout(10):
            while len(self.revisions) < count:
                await asyncio.sleep(0.001)

    def let_in(self, count):
        self._tickets.release(count)


@pytest.fixture
def serve(tmp_path):
    return partial(serving, tmp_path)


@pytest.fixture
def gate(monkeypatch):
    gate = Gate(codec.call)
    monkeypatch.setattr(codec, "call", gate.decode)
    return gate


def large():
    request = messages.ModelInferRequest(model_name="sum")
    request.inputs.add(name="x", datatype="FP64", shape=[N_ROWS, 2])
    request.raw_input_contents.append(np.ones((N_ROWS, 2)).tobytes())
    return request


def sums(reply):
    response = messages.ModelInferResponse.FromString(reply)
    return np.frombuffer(response.raw_output_contents[0])


def test_probes_are_answered_while_large_messages_are_decoded_one_by_one(serve, gate):
    async def ask():
        async with serve() as client:
            asked = [client.call("ModelInfer", large()) for _ in range(3)]
            await gate.has(1)
            health, live = await client.health(), await client.get("/livez")
            gate.let_in(3)
            return health.status, live.status_code, await asyncio.gather(*asked)

    health, live, replies = asyncio.run(ask())

    assert (health, live) == (health_pb2.HealthCheckResponse.SERVING, 200)
    assert [sums(reply).tolist() for reply in replies] == [[2.0] * N_ROWS] * 3
    assert gate.most_at_once == 1
    assert threading.main_thread() not in gate.threads
    assert set(gate.collects) == {False}
    assert gc.isenabled()


def test_a_small_message_is_decoded_where_it_has_come(serve, gate):
    gate.let_in(1)

    async def ask():
        async with serve() as client:
            return await client.call("ModelInfer", infer(1, 2))

    assert asyncio.run(ask())
    assert gate.threads == [threading.main_thread()]


def test_one_that_a_client_takes_back_keeps_its_turn_until_it_is_decoded(serve, gate):
    async def ask():
        async with serve() as client:
            first, second = (client.call("ModelInfer", large()) for _ in range(2))
            await gate.has(1)
            first.cancel()
            # Sent after the cancellation, and answered.
            await client.health()
            n_decoding = len(gate.revisions)
            gate.let_in(2)
            return n_decoding, await second

    n_decoding, reply = asyncio.run(ask())

    assert n_decoding == 1
    assert gate.most_at_once == 1
    assert sums(reply).tolist() == [2.0] * N_ROWS


def test_a_large_message_is_decoded_again_for_whom_takes_the_model_s_place(serve, gate):
    key = {"x_api_key": "root"}

    async def ask():
        async with serve(names=("sum", "other"), keys=Keys({"ADMIN_API_KEYS": "root"})) as client:
            asked = client.call("ModelInfer", large(), **key)
            await gate.has(1)
            loaded = await client.post("/v1/models/sum/load", Authorization="Bearer root")
            gate.let_in(2)
            return loaded.status_code, await asked

    loaded, reply = asyncio.run(ask())

    assert loaded == 200
    assert sums(reply).tolist() == [2.0] * N_ROWS
    [old, new] = gate.revisions
    assert old is not new


@pytest.mark.parametrize("method", ["ModelReady", "ServerLive", "ModelInfer", CHECK])
def test_a_large_message_that_cannot_be_parsed_is_refused_as_a_small_one(serve, method):
    async def ask():
        async with serve() as client:
            return await client.refusal(method, b"\xff" * (MAX_INLINE_BYTES + 1))

    code, details, _ = asyncio.run(ask())

    assert code == "INVALID_ARGUMENT"
    assert details.endswith("it cannot be parsed")
