"""Assembly: every constructor call, and nothing else."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.exceptions import HTTPException

from .. import artifacts, plugins
from ..dataplane import DataPlane
from ..errors import LoadError, ServingError
from ..loading import ModelSource
from ..locations import GCSModel
from ..model_settings import ModelSettings
from ..protocols import from_instance
from ..repository import ModelRepository
from ..settings import ServerSettings
from ..telemetry import logs
from ..telemetry.exchange import Recorder
from ..telemetry.metrics import Metrics
from . import administration, health, openapi
from .keys import Keys
from .lane import HttpLane
from .prefix import PathPrefix
from .routes import Routes

APP_VERSION = version("model-deployment-app")


def create_app(
    settings: ServerSettings,
    *,
    cache_dir: Path,
    on_refusal: Callable[[LoadError], None],
    meter: artifacts.Meter = artifacts.unseen,
    keys: Keys | None = None,
    root_path: str = "",
) -> FastAPI:
    """The ASGI application of one server; models are loaded in the background once it has started.

    Parameters
    ----------
    settings : ServerSettings
    cache_dir : Path
        For downloaded artifacts.
    on_refusal : callable
        Called once, from another thread, if the only model can never be served.
    meter : callable
        Is told how far a download is, as `artifacts.fetch` tells it.
    keys : Keys, optional
        Who may ask; by default, everybody may predict.
    root_path : str
        The path of the Ingress; every route is served with and without it.
    """
    metrics = Metrics()
    repository = ModelRepository(sources(settings), cache_dir=cache_dir, meter=meter, metrics=metrics)
    dataplane = DataPlane(repository)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        repository.start(budget_s=settings.startup_seconds, on_refusal=on_refusal)
        yield

    app = FastAPI(
        title=", ".join(f"{model.name} ({model.job})" for model in settings.served),
        version=APP_VERSION,
        lifespan=lifespan,
        openapi_url="/openapi.json" if settings.docs else None,
        redoc_url=None,
    )
    dialects = [plugins.find("protocols", name) for name in plugins.names("protocols")]
    endpoints = [endpoint for dialect in dialects for endpoint in dialect.ENDPOINTS]
    app.include_router(health.router(repository, metrics, app_version=APP_VERSION))
    app.include_router(
        administration.router(
            repository, is_enabled=settings.repository.load_unload, timeout_s=settings.startup_seconds
        )
    )
    for dialect in dialects:
        if hasattr(dialect, "router"):
            app.include_router(dialect.router(dataplane))
    app.add_exception_handler(ServingError, health.refuse)
    app.add_exception_handler(HTTPException, health.refuse_path)
    app.add_middleware(
        HttpLane,
        routes=Routes(endpoints),
        dataplane=dataplane,
        keys=Keys({}) if keys is None else keys,
        recorder=Recorder(metrics, logs.events(settings.log_level, settings.log_format)),
    )
    app.add_middleware(PathPrefix, prefix=root_path)
    openapi.describe(app, endpoints, example=settings.served[0].example)
    return app


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
    )
