"""What is told over gRPC, who is let in, and how it ends."""

import asyncio
from functools import partial

import grpc
import pytest
import uvloop
from grpc_client import CHECK, entered, gate, infer, serving
from grpc_health.v1 import health_pb2

from model_deployment_app.app.keys import Keys
from model_deployment_app.protocols import _messages as messages

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture
def serve(tmp_path):
    return partial(serving, tmp_path)


def test_it_answers_in_the_event_loop_of_uvicorn(serve):
    async def ask():
        assert isinstance(asyncio.get_running_loop(), uvloop.Loop)
        async with serve() as client:
            return await client.call("ModelInfer", infer(1, 2))

    reply = messages.ModelInferResponse.FromString(uvloop.run(ask()))

    assert list(reply.outputs[0].contents.fp64_contents) == [3.0]


def test_an_answer_is_told_with_trace_and_digest_and_counted(serve, capfd):
    async def ask():
        async with serve() as client:
            call = client.call("ModelInfer", infer(1, 2), traceparent=f"00-{TRACE_ID}-00f067aa0ba902b7-01")
            await call
            return dict(await call.trailing_metadata()), (await client.get("/metrics")).text

    trailing, metrics = asyncio.run(ask())

    assert trailing["traceparent"].startswith(f"00-{TRACE_ID}-")
    assert len(trailing["x-model-sha256"]) == 64
    assert 'requests_total{code="OK",model="sum",protocol="grpc",version="7"} 1.0' in metrics
    [line] = [line for line in capfd.readouterr().err.splitlines() if "ModelInfer" in line]
    assert "protocol=grpc" in line
    assert f"model=sum version=7 rows=1 code=OK key_id=- trace_id={TRACE_ID} latency_ms" in line


def test_each_of_several_models_answers_by_its_name_until_it_is_unloaded(serve):
    async def ask():
        async with serve(names=("sum", "other"), keys=Keys({"ADMIN_API_KEYS": "root"})) as client:
            requests = [infer(1, 2, model_name=name) for name in ("sum", "other")]
            replies = [await client.call("ModelInfer", request, x_api_key="root") for request in requests]
            unloaded = await client.post("/v1/models/other/unload", Authorization="Bearer root")
            refusal = await client.refusal("ModelInfer", requests[1], x_api_key="root")
            ready = await client.call("ModelReady", messages.ModelReadyRequest(name="other"))
            return replies, unloaded, refusal, ready, await client.health()

    replies, unloaded, (code, details, _), ready, health = asyncio.run(ask())

    assert [messages.ModelInferResponse.FromString(reply).model_name for reply in replies] == ["sum", "other"]
    assert unloaded.status_code == 200
    assert (code, details) == ("UNAVAILABLE", "other: unloaded by request")
    assert not messages.ModelReadyResponse.FromString(ready).ready
    assert health.status == health_pb2.HealthCheckResponse.SERVING


def test_a_model_that_raises_keeps_its_words_to_the_log(serve, capfd):
    async def ask():
        async with serve() as client:
            return await client.refusal("ModelInfer", infer(13, 1)), await client.call("ModelInfer", infer(1, 1))

    (code, details, _), after = asyncio.run(ask())

    assert (code, details) == ("INTERNAL", "the model raised an error; the server's log has where")
    assert after
    assert "secret words" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("method", "request_", "code", "details"),
    [
        ("ModelInfer", infer(1, 2, model_name="tulip"), "NOT_FOUND", "no model is named 'tulip'; there is sum"),
        ("ModelInfer", infer(1, 2, model_version="8"), "NOT_FOUND", "sum is not here in version '8', but in 7"),
        ("ModelInfer", infer(1), "INVALID_ARGUMENT", "input 'x': expected shape (-1, 2), got (1, 1)"),
        (
            "ModelInfer",
            b"\xff",
            "INVALID_ARGUMENT",
            "the message is no inference.ModelInferRequest: it cannot be parsed",
        ),
        ("ModelReady", messages.ModelReadyRequest(name="tulip"), "NOT_FOUND", "no model is named 'tulip'"),
        ("ModelMetadata", messages.ModelMetadataRequest(name="tulip"), "NOT_FOUND", "no model is named 'tulip'"),
        ("ModelStatistics", b"\xff", "UNIMPLEMENTED", "no method is named '/inference.GRPCInferenceService/ModelS"),
        (CHECK, b"\xff", "INVALID_ARGUMENT", "the message is no grpc.health.v1.HealthCheckRequest"),
        (CHECK, health_pb2.HealthCheckRequest(service="x"), "NOT_FOUND", "no service is named 'x'"),
    ],
)
def test_what_cannot_be_answered_is_refused_by_status(serve, method, request_, code, details):
    async def ask():
        async with serve() as client:
            return await client.refusal(method, request_)

    status, message, trailing = asyncio.run(ask())

    assert status == code
    assert message.startswith(details)
    assert "traceparent" in trailing


def test_a_long_message_is_cut_to_what_clients_take(serve):
    request = infer(1, 2, model_name="🎈" * 5000)
    request.inputs[0].datatype = "é" * 50_000
    names = [{"name": "🎈" * 80}] * 3

    async def ask():
        async with serve() as client:
            return [
                await client.refusal("ModelInfer", each)
                for each in (request, infer(1, 2, outputs=names), infer(1, 2, outputs=names[:1] * 500))
            ]

    refusals = asyncio.run(ask())

    assert [code for code, _, _ in refusals] == ["NOT_FOUND", "INVALID_ARGUMENT", "INVALID_ARGUMENT"]


def test_a_model_that_is_not_there_yet_is_unavailable_and_told_when_to_come_again(serve):
    async def ask():
        # Nothing is loaded for now: the folder's name is no file.
        async with serve(file="missing.joblib", is_ready=False) as client:
            ready = await client.call("ModelReady", messages.ModelReadyRequest(name="sum"))
            server = await client.call("ServerReady")
            live = await client.call("ServerLive")
            statuses = [(await client.health(service)).status for service in ("", messages.SERVICE)]
            return ready, server, live, statuses, await client.refusal("ModelInfer", infer(1, 2))

    ready, server, live, statuses, (code, _, trailing) = asyncio.run(ask())

    assert not messages.ModelReadyResponse.FromString(ready).ready
    assert not messages.ServerReadyResponse.FromString(server).ready
    assert messages.ServerLiveResponse.FromString(live).live
    assert statuses == [health_pb2.HealthCheckResponse.NOT_SERVING] * 2
    assert code == "UNAVAILABLE"
    assert trailing["retry-after"] == "5"


def test_a_client_that_gives_up_is_told_of_in_the_log(serve, capfd):
    entered.clear()
    gate.clear()

    async def ask():
        async with serve() as client:
            under_way = client.call("ModelInfer", infer(14, 1))
            await asyncio.to_thread(entered.wait, 30)
            under_way.cancel()
            # The model is busy for as long as it likes; the server is not.
            await client.call("ServerLive")
            while "code=CANCELLED" not in (log := capfd.readouterr().err):
                await asyncio.sleep(0.005)
            gate.set()
            return log

    log = asyncio.run(ask())

    assert "protocol=grpc" in log
    assert "Traceback" not in log


def test_what_is_being_answered_when_it_stops_is_answered(serve):
    entered.clear()
    gate.clear()

    async def ask():
        async with serve() as client:
            watched = client.watch()
            statuses = [health_pb2.HealthCheckResponse.FromString(await watched.read()).status]
            under_way = client.call("ModelInfer", infer(14, 1))
            await asyncio.to_thread(entered.wait, 30)
            stopping = asyncio.create_task(client.stop())
            statuses.append(health_pb2.HealthCheckResponse.FromString(await watched.read()).status)
            is_held_up = not stopping.done()
            gate.set()
            reply = messages.ModelInferResponse.FromString(await under_way)
            await stopping
            return statuses, is_held_up, reply, await watched.code(), await client.refusal("ServerLive")

    statuses, is_held_up, reply, watch_code, (late_code, _, _) = asyncio.run(ask())

    assert statuses == [health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING]
    assert is_held_up
    assert list(reply.outputs[0].contents.fp64_contents) == [15.0]
    assert watch_code == grpc.StatusCode.OK
    assert late_code == "UNAVAILABLE"
