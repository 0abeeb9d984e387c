"""Assembly: every constructor call, and nothing else."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from .. import artifacts, plugins
from ..dataplane import DataPlane
from ..engine.limits import Limits
from ..errors import InvalidConfig, LoadError, MissingExtra, ServingError
from ..loading import ModelSource
from ..locations import GCSModel
from ..model_settings import ModelSettings
from ..protocols import from_instance
from ..repository import ModelRepository
from ..settings import ServerSettings
from ..telemetry import logs
from ..telemetry.exchange import Recorder
from ..telemetry.metrics import Metrics
from . import administration, docs, health, openapi, refusals
from .conversion import Conversion
from .drain import Drain
from .keys import Keys
from .lane import HttpLane
from .prefix import PathPrefix
from .routes import Routes
from .service import Service

if TYPE_CHECKING:
    from .grpc_server import GrpcServer

APP_VERSION = version("model-deployment-app")


def create_app(
    settings: ServerSettings,
    *,
    cache_dir: Path,
    on_refusal: Callable[[LoadError], None],
    meter: artifacts.Meter = artifacts.unseen,
    keys: Keys | None = None,
    drain: Drain | None = None,
    root_path: str = "",
    host: str = "127.0.0.1",
    grpc_port: int = 8001,
    grpc_grace_s: float = 30.0,
) -> "Application":
    """The ASGI application of one server; models are loaded in the background once it has started.

    Parameters
    ----------
    settings : ServerSettings
    cache_dir : Path
        For downloaded artifacts.
    on_refusal : callable
        Called once, perhaps from another thread, if the only model can never be served or gRPC has no port.
    meter : callable
        Is told how far a download is, as `artifacts.fetch` tells it.
    keys : Keys, optional
        Who may ask; by default, everybody may predict.
    drain : Drain, optional
        Of the server that runs this.
    root_path : str
        The path of the Ingress; every route is served with and without it.
    host, grpc_port
        To serve gRPC on, where *settings* ask for it.
    grpc_grace_s : float
        How long gRPC calls may still take once *drain* is over.

    Raises
    ------
    MissingExtra
        If gRPC is asked for, and not installed.
    """
    metrics = Metrics()
    keys = Keys({}) if keys is None else keys
    drain = Drain() if drain is None else drain
    events = logs.Events(settings.log_level, settings.log_format)
    recorder = Recorder(metrics, events, has_access_log=settings.access_log)
    repository = ModelRepository(sources(settings), cache_dir=cache_dir, meter=meter, metrics=metrics)
    dataplane = DataPlane(
        repository,
        is_draining=lambda: drain.has_begun,
        has_model_control=settings.repository.load_unload,
    )
    conversion = Conversion(settings.limits.request_timeout_ms / 1000)
    service = Service(dataplane, keys, recorder, settings.limits.max_body_bytes, conversion)
    grpc_server = _grpc_server()(service, host=host, port=grpc_port) if settings.grpc else None

    async def stop_after_drain(server: "GrpcServer") -> None:
        await drain.is_over.wait()
        await server.stop(grpc_grace_s)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        stopping: asyncio.Future[None] | None = None
        try:
            if grpc_server is not None:
                await grpc_server.start()
                # Beside HTTP, and not when its last answer has been given: the grace is the same for both.
                stopping = asyncio.ensure_future(stop_after_drain(grpc_server))
            repository.start(budget_s=settings.startup_seconds, on_refusal=on_refusal)
        except InvalidConfig as error:
            on_refusal(error)
        yield
        drain.is_over.set()
        if stopping is not None:
            await stopping

    app = Application(
        title=", ".join(f"{model.name} ({model.job})" for model in settings.served),
        version=APP_VERSION,
        lifespan=lifespan,
        openapi_url=None,  # and no /docs of FastAPI's own, which come from the internet
        redirect_slashes=False,  # it would tell the client a scheme and a host that a proxy has changed
    )
    dialects = [plugins.find("protocols", name) for name in plugins.names("protocols")]
    endpoints = [endpoint for dialect in dialects for endpoint in dialect.ENDPOINTS]
    app.include_router(health.router(repository, metrics, drain, app_version=APP_VERSION))
    app.include_router(
        administration.router(
            repository, is_enabled=settings.repository.load_unload, timeout_s=settings.startup_seconds
        )
    )
    for dialect in dialects:
        if hasattr(dialect, "router"):
            app.include_router(dialect.router(dataplane))
    app.add_exception_handler(ServingError, refusals.refuse)
    app.add_exception_handler(ClientDisconnect, refusals.let_go)
    app.add_exception_handler(Exception, refusals.refuse)
    app.add_exception_handler(HTTPException, refusals.refuse_path)
    if settings.docs:
        description = openapi.Description(app, endpoints, dataplane, asks_for_keys=keys.are_asked_for)
        docs.add(app, description, keys)
    app.routes_to_predict = Routes(endpoints, root_path=root_path)
    app.service = service
    lane = HttpLane(app.serve, routes=app.routes_to_predict, service=service)
    app.lane = PathPrefix(lane, prefix=root_path)
    return app


class Application(FastAPI):
    """FastAPI behind a lane of ours: its own way in costs as much as a prediction does.

    Attributes
    ----------
    lane : ASGI application
        Gets everything, and passes on to `serve` what is not for it.
    routes_to_predict : Routes
    service : Service
        What answers them: for a server that does so without ASGI.
    """

    lane: ASGIApp
    routes_to_predict: Routes
    service: Service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.lane(scope, receive, send)

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        await super().__call__(scope, receive, send)


def _grpc_server() -> type["GrpcServer"]:
    try:
        from .grpc_server import GrpcServer
    except ModuleNotFoundError as error:
        raise MissingExtra(
            f"grpc: true needs the module {error.name!r}: pip install model-deployment-app[grpc]"
        ) from error
    return GrpcServer


def sources(settings: ServerSettings) -> list[ModelSource]:
    """What a server of these settings loads."""
    return [_source(model, settings) for model in settings.served]


def _source(served: ModelSettings, settings: ServerSettings) -> ModelSource:
    model = served.model
    options: dict[str, Any] = {
        "job": served.job,
        "output": served.output,
        "input_size": served.input_size,
        "device": served.device,
        "gpu_memory_fraction": settings.gpu_memory_fraction,
        "pickle": model.pickle,
        "trusted_types": model.trusted_types,
    }
    if served.example is not None:
        options["example"] = from_instance(served.example)
    return ModelSource(
        name=served.name,
        version=served.version,
        uri=model.uri,
        sha256=model.sha256,
        project=model.project_name if isinstance(model, GCSModel) else None,
        generation=model.generation if isinstance(model, GCSModel) else None,
        model_format=served.model_type,
        options=options,
        versions=model.versions,
        require_passport=settings.require_passport,
        limits=Limits(
            max_rows=settings.batching.max_rows,
            max_wait_s=settings.batching.max_wait_ms / 1000,
            queue_rows=settings.limits.queue_rows,
            queue_bytes=settings.limits.queue_bytes,
            request_timeout_s=settings.limits.request_timeout_ms / 1000,
            hang_s=settings.limits.hang_seconds,
        ),
    )
