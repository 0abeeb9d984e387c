"""How a server ends: nobody who asks it, or is being answered, is lost."""

import asyncio
import json
import logging
import os
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import Any

import grpc
import joblib
import pytest
from grpc_health.v1 import health_pb2
from ports import free_port

from model_deployment_app.protocols import _messages as messages

from .balancer import Balancer
from .dawdling import DawdlingRegressor
from .estimators import Trained
from .http_client import Answer, HttpClient
from .servers import Server, launch, running

logger = logging.getLogger(__name__)

#: `make rolling-restarts` asks for 20.
RESTARTS = int(os.environ.get("RESTARTS", "4"))
LAG_S, DRAIN_S, GRACE_S = 1.0, 2.0, 10.0

Start = Callable[..., Server]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """A server whose model dawdles, over HTTP and gRPC, that is ready."""
    joblib.dump(DawdlingRegressor(), tmp_path / "model.joblib")
    trusted = [f"{DawdlingRegressor.__module__}.DawdlingRegressor"]
    config: dict[str, Any] = {
        "name": "dawdler",
        "modelType": "joblib",
        "job": "regression",
        "grpc": True,
        "model": {"method": "LOCAL", "path": str(tmp_path / "model.joblib"), "trustedTypes": trusted},
        "example": [0.0],
    }
    with ExitStack() as stack:

        def ready(**environment: str) -> Server:
            environment = {"PYTHONPATH": str(Path(__file__).parents[1]), **environment}
            server = stack.enter_context(running(config, tmp_path, environment=environment))
            server.until(server.is_ready)
            return server

        yield ready


def asked_for(seconds: float) -> bytes:
    return json.dumps({"instances": [[seconds]]}).encode()


def grpc_request(seconds: float) -> bytes:
    request = messages.ModelInferRequest(model_name="dawdler")
    request.inputs.add(name="x", datatype="FP64", shape=[1, 1]).contents.fp64_contents.append(seconds)
    body: bytes = request.SerializeToString()
    return body


def test_a_server_that_drains_tells_so_and_answers_on(start: Start) -> None:
    grpc_port = free_port()
    server = start(DRAIN_SECONDS="2", GRPC_PORT=str(grpc_port))
    get = server.client.get

    server.process.send_signal(signal.SIGTERM)
    server.until(lambda: get("/readyz").status_code == 503, within_s=1)
    readiness, v2, live = get("/readyz"), get("/v2/health/ready"), get("/livez")
    answer = server.client.post("/predict", content=asked_for(0.0))
    with grpc.insecure_channel(f"127.0.0.1:{grpc_port}") as channel:
        check = channel.unary_unary("/grpc.health.v1.Health/Check")
        health = health_pb2.HealthCheckResponse.FromString(check(b"", timeout=5))
        inferred = channel.unary_unary(f"/{messages.SERVICE}/ModelInfer")(grpc_request(0.0), timeout=5)
    status = server.process.wait(30)

    assert readiness.json() == {"status": "not ready", "code": "Draining", "reason": "the server is about to end"}
    assert [each.status_code for each in (readiness, v2, live, answer)] == [503, 503, 200, 200]
    assert readiness.headers["retry-after"] == v2.headers["retry-after"] == "5"
    assert [each.headers["connection"] for each in (readiness, v2, live, answer)] == ["close"] * 4
    assert health.status == health_pb2.HealthCheckResponse.NOT_SERVING
    assert inferred
    assert status == 0
    assert "Traceback" not in server.log.read_text()


def test_what_is_under_way_is_answered_and_the_server_ends_within_its_grace(start: Start) -> None:
    grpc_port = free_port()
    server = start(DRAIN_SECONDS="0.5", GRACE_SECONDS="20", GRPC_PORT=str(grpc_port))

    async def ask() -> tuple[list[Answer], list[Any], float]:
        clients = [HttpClient(server.port, keeps=True) for _ in range(4)]
        under_way = [asyncio.create_task(each.ask("POST", "/predict", asked_for(1.0))) for each in clients]
        async with grpc.aio.insecure_channel(f"127.0.0.1:{grpc_port}") as channel:
            infer = channel.unary_unary(f"/{messages.SERVICE}/ModelInfer")
            calls = [infer(grpc_request(1.0), timeout=20) for _ in range(2)]
            # Until all six are in the server.
            while b'\nmodel_serving_queue_rows{model="dawdler"} 6.0' not in (await metrics(server.port)):
                await asyncio.sleep(0.02)
            server.process.send_signal(signal.SIGTERM)
            started = time.monotonic()
            answers = await asyncio.gather(*under_way)
            replies = [messages.ModelInferResponse.FromString(await call) for call in calls]
            await asyncio.to_thread(server.process.wait, 30)
            for client in clients:
                client.close()
            return answers, replies, time.monotonic() - started

    answers, replies, seconds = asyncio.run(ask())

    assert [json.loads(answer.body)["predictions"] for answer in answers] == [[1.0]] * 4
    assert [list(reply.outputs[0].contents.fp64_contents) for reply in replies] == [[1.0]] * 2
    assert server.process.returncode == 0
    assert seconds < 10
    assert "Traceback" not in server.log.read_text()


async def metrics(port: int) -> bytes:
    return (await HttpClient(port, keeps=False).ask("GET", "/metrics")).body


def test_ctrl_c_does_not_wait(start: Start) -> None:
    server = start(DRAIN_SECONDS="60")

    server.process.send_signal(signal.SIGINT)
    status = server.process.wait(10)

    assert status == 0
    assert "Traceback" not in server.log.read_text()


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_it_at_once(start: Start, second: signal.Signals) -> None:
    server = start(DRAIN_SECONDS="60")

    async def ask() -> None:
        async with under_way(server):
            server.process.send_signal(signal.SIGTERM)
            while (await HttpClient(server.port, keeps=False).ask("GET", "/readyz")).status != 503:
                await asyncio.sleep(0.02)
            server.process.send_signal(second)
            await asyncio.to_thread(server.process.wait, 5)

    asyncio.run(ask())

    assert server.process.returncode == 128 + second
    assert "Traceback" not in server.log.read_text()


def test_what_outlasts_the_grace_is_broken_off(start: Start) -> None:
    grpc_port = free_port()
    server = start(GRACE_SECONDS="3", GRPC_PORT=str(grpc_port))

    async def ask() -> float:
        async with under_way(server), grpc.aio.insecure_channel(f"127.0.0.1:{grpc_port}") as channel:
            call = channel.unary_unary(f"/{messages.SERVICE}/ModelInfer")(grpc_request(60), timeout=60)
            while b'\nmodel_serving_queue_rows{model="dawdler"} 2.0' not in await metrics(server.port):
                await asyncio.sleep(0.02)
            server.process.send_signal(signal.SIGTERM)
            started = time.monotonic()
            await asyncio.to_thread(server.process.wait, 20)
            seconds = time.monotonic() - started
            assert await call.code() == grpc.StatusCode.UNAVAILABLE
            return seconds

    seconds = asyncio.run(ask())

    assert server.process.returncode == 0
    # One grace for both, and not one after the other.
    assert seconds < 6


@asynccontextmanager
async def under_way(server: Server) -> AsyncIterator[None]:
    """While the model computes for a minute, for a client that does not care what becomes of it."""
    with closing(HttpClient(server.port, keeps=True)) as client:
        answer = asyncio.create_task(client.ask("POST", "/predict", asked_for(60)))
        while b'\nmodel_serving_queue_rows{model="dawdler"} 1.0' not in await metrics(server.port):
            await asyncio.sleep(0.02)
        yield
        await asyncio.gather(answer, return_exceptions=True)


def test_rolling_restarts_under_load_lose_nothing(trained: dict[str, Trained], tmp_path: Path) -> None:
    environment = {"DRAIN_SECONDS": str(DRAIN_S), "GRACE_SECONDS": str(GRACE_S), "MDA_ACCESS_LOG": "false"}
    model = trained["people"]
    [row, *_], [expected, *_] = model.plain_rows(), model.estimator.predict(model.rows)
    body = json.dumps({"instances": [row]}).encode()
    folders = [tmp_path / "a", tmp_path / "b"]
    ports = [free_port(), free_port()]
    processes: list[subprocess.Popen[bytes]] = []

    def begin(turn: int) -> subprocess.Popen[bytes]:
        folders[turn].mkdir(exist_ok=True)
        config = model.publish(folders[turn])
        return launch(config, folders[turn], environment=environment, port=ports[turn])

    async def load(port: int, *, keeps: bool, is_over: asyncio.Event) -> tuple[int, list[str]]:
        client, answered, lost = HttpClient(port, keeps=keeps), 0, []
        while not is_over.is_set():
            try:
                answer = await client.ask("POST", "/predict", body)
                assert answer.status == 200, answer
                assert abs(json.loads(answer.body)["predictions"][0] - expected) < 1e-9
                answered += 1
            except (OSError, EOFError, AssertionError) as error:
                lost.append(f"{time.monotonic():.2f} keeps={keeps} {error!r}")
                client.close()
            await asyncio.sleep(0.02)
        client.close()
        return answered, lost

    async def restart() -> tuple[int, list[str], list[float]]:
        balancer, is_over, ends_s = Balancer(ports, lag_s=LAG_S), asyncio.Event(), []
        async with balancer.listening() as port:
            await balancer.until(count_ready=2)
            clients = [asyncio.create_task(load(port, keeps=turn > 1, is_over=is_over)) for turn in range(6)]
            for turn in range(RESTARTS):
                started = time.monotonic()
                processes[turn % 2].send_signal(signal.SIGTERM)
                status = await asyncio.to_thread(processes[turn % 2].wait, 60)
                ends_s.append(time.monotonic() - started)
                assert status == 0
                processes[turn % 2] = begin(turn % 2)
                await balancer.until(count_ready=1)
                await balancer.until(count_ready=2)
            is_over.set()
            results = await asyncio.gather(*clients)
        return sum(answered for answered, _ in results), [each for _, lost in results for each in lost], ends_s

    try:
        processes += [begin(0), begin(1)]
        answered, lost, ends_s = asyncio.run(restart())
    finally:
        for process in processes:
            process.kill()
            process.wait()

    counts = (RESTARTS, answered, len(lost), max(ends_s))
    logger.info("%d restarts, %d requests answered, %d lost; the slowest end took %.1f s", *counts)
    assert lost == []
    assert answered > 50 * RESTARTS
    assert max(ends_s) < DRAIN_S + GRACE_S
