"""The gRPC server in one process with its client, and a model that waits and fails as it is asked to."""

import asyncio
import threading
from contextlib import AsyncExitStack, asynccontextmanager

import grpc
import httpx2
import joblib
import numpy as np
from grpc_health.v1 import health_pb2
from ports import free_port
from sklearn.base import BaseEstimator, RegressorMixin

from model_deployment_app.app import create_app
from model_deployment_app.protocols import _messages as messages
from model_deployment_app.settings import Settings, SeveralModels

CHECK, WATCH = "/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"

entered, gate = threading.Event(), threading.Event()


class Sum(RegressorMixin, BaseEstimator):
    n_features_in_ = 2

    def predict(self, table):
        if (table == 13).any():
            raise RuntimeError("secret words of the model")
        if (table == 14).any():
            entered.set()
            assert gate.wait(30)
        return np.asarray(table).sum(axis=1)


class Client:
    """Asks as a client would, without a stub."""

    def __init__(self, channel, app, *, port, stop):
        self._channel = channel
        self._app = app
        self.port = port
        self.stop = stop

    def call(self, method, request=b"", *given, **metadata):
        """A call that is under way; its metadata as pairs, or by name."""
        path = method if method.startswith("/") else f"/{messages.SERVICE}/{method}"
        body = request if isinstance(request, bytes) else request.SerializeToString()
        pairs = [*given, *((name.replace("_", "-"), value) for name, value in metadata.items())]
        return self._channel.unary_unary(path)(body, metadata=pairs, timeout=30)

    async def refusal(self, method, request=b"", *given, **metadata):
        """Status, message and trailing metadata of a call that fails."""
        call = self.call(method, request, *given, **metadata)
        return (await call.code()).name, await call.details(), dict(await call.trailing_metadata())

    async def health(self, service=""):
        reply = await self.call(CHECK, health_pb2.HealthCheckRequest(service=service))
        return health_pb2.HealthCheckResponse.FromString(reply)

    def watch(self):
        request = health_pb2.HealthCheckRequest().SerializeToString()
        return self._channel.unary_stream(WATCH)(request, timeout=30)

    async def get(self, path):
        return await self._over_http("GET", path)

    async def post(self, path, **headers):
        return await self._over_http("POST", path, headers)

    async def _over_http(self, method, path, headers=None):
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(self._app), base_url="http://model") as http:
            return await http.request(method, path, headers=headers)


def infer(*row, **fields):
    message = messages.ModelInferRequest(**{"model_name": "sum"} | fields)
    message.inputs.add(name="x", datatype="FP64", shape=[1, len(row)]).contents.fp64_contents.extend(row)
    return message


@asynccontextmanager
async def serving(folder, keys=None, file="model.joblib", is_ready=True, names=("sum",)):
    """A server and its client, which may stop it."""
    joblib.dump(Sum(), folder / "model.joblib")
    model = {"method": "LOCAL", "path": str(folder / file), "trustedTypes": [f"{__name__}.Sum"]}
    models = [
        {"name": name, "version": "7", "modelType": "joblib", "job": "regression", "model": model} for name in names
    ]
    repository = {"loadUnload": True}
    settings = (
        Settings(**models[0], grpc=True)
        if len(models) == 1
        else SeveralModels(models=models, grpc=True, repository=repository)
    )
    refusals, port = [], free_port()
    app = create_app(settings, cache_dir=folder, on_refusal=refusals.append, keys=keys, grpc_port=port, grpc_grace_s=20)
    async with AsyncExitStack() as running, grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        await running.enter_async_context(app.router.lifespan_context(app))
        client = Client(channel, app, port=port, stop=running.aclose)
        while is_ready and (await client.health()).status != health_pb2.HealthCheckResponse.SERVING:
            assert not refusals
            await asyncio.sleep(0.005)
        yield client
