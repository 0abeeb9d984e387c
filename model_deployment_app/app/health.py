"""What probes and people ask: alive, ready, and what runs."""

from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from ..errors import ModelNotFound, ModelNotReady
from ..repository import ModelRepository
from ..telemetry.metrics import CONTENT_TYPE, Metrics
from .drain import Drain


def router(repository: ModelRepository, metrics: Metrics, drain: Drain, *, app_version: str) -> APIRouter:
    """``/livez``, ``/readyz``, ``/health`` and ``/metrics``, none of which ever needs a key; and the passport."""
    routes = APIRouter(tags=["health"])

    @routes.get("/livez", responses={503: {"description": "A prediction never ends, or the device is broken"}})
    async def livez() -> Response:
        """200 as long as the process answers, and its models do."""
        if (reason := repository.ailment()) is not None:
            return _not("alive", "Stuck", reason)
        return JSONResponse({"status": "alive"})

    @routes.get("/readyz", responses={503: {"description": "Loading, waiting for the store, or about to end"}})
    async def readyz() -> Response:
        """200 while every model answers but those that were unloaded by request; else 503 with the reason."""
        if drain.has_begun:
            return _not("ready", "Draining", "the server is about to end")
        if waiting := repository.waiting():
            # Of several, those that have failed are told before those that load.
            name = next((name for name in waiting if repository.failure(name)), waiting[0])
            failure = repository.failure(name)
            about = "" if len(repository.names()) == 1 else f"{name}: "
            code = failure.code if failure else "Loading"
            return _not("ready", code, f"{about}{failure}" if failure else f"{name} is loading")
        if (reason := repository.ailment()) is not None:
            return _not("ready", "Stuck", reason)
        return JSONResponse({"status": "ready", "models": _digests(repository)})

    @routes.get("/health")
    async def health() -> dict[str, Any]:
        """What runs here: always 200 while the process answers."""
        waiting = repository.waiting()
        is_loading = any(repository.is_busy(name) for name in waiting)
        return {
            "status": "loading" if is_loading else "failed" if waiting else "ok",
            "models_loaded": repository.ready(),
            "models": _digests(repository),
            "failures": _failures(repository),
            "generation": repository.generation,
            "app_version": app_version,
        }

    @routes.head("/metrics", include_in_schema=False)
    @routes.get("/metrics", response_class=PlainTextResponse)
    async def scrape() -> Response:
        """What Prometheus scrapes."""
        return Response(metrics.text(), media_type=CONTENT_TYPE)

    @routes.get(
        "/v1/models/{name}/passport", responses={404: {"description": "No such model, or none with a passport"}}
    )
    async def passport(name: str) -> Response:
        """What was recorded of the model when it was published, with the rows that it is verified by."""
        record = repository.get(name).passport
        if record is None:
            raise ModelNotFound(f"{name} was published without a passport")
        return Response(record.to_json(), media_type="application/json")

    return routes


def _not(what: str, code: str, reason: str) -> Response:
    return JSONResponse(
        {"status": f"not {what}", "code": code, "reason": reason},
        status_code=ModelNotReady.http_status,
        headers={"Retry-After": str(ModelNotReady.retry_after_s)},
    )


def _digests(repository: ModelRepository) -> list[dict[str, Any]]:
    """Which artifacts are served, and which of them gave the answers of their passport."""
    revisions = [repository.get(name) for name in repository.ready()]
    return [
        {"name": each.name, "version": each.version, "sha256": each.sha256, "verified": each.passport is not None}
        for each in revisions
    ]


def _failures(repository: ModelRepository) -> list[dict[str, str]]:
    """Why the last attempts to load failed; a model whose new artifact was refused may answer with the one before."""
    failures = {name: repository.failure(name) for name in repository.names()}
    return [
        {"name": name, "code": failure.code, "reason": str(failure)} for name, failure in failures.items() if failure
    ]
