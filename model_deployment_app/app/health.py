"""What probes and people ask: alive, ready, and what runs."""

from typing import Any

import orjson
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from starlette.exceptions import HTTPException

from ..errors import LoadError, MethodNotAllowed, ModelNotFound, ModelNotReady, ServingError, Unauthenticated
from ..protocols import Headers
from ..repository import ModelRepository
from ..telemetry.exchange import CLIENT_GONE
from ..telemetry.metrics import CONTENT_TYPE, Metrics
from .drain import Drain

#: What a client is told of an error that nobody foresaw.
FAILED = ServingError("the server failed; its log has where")


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


async def refuse_path(_: Request, error: Exception) -> Response:
    """The body for a path or a method that there is not."""
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, status_code=error.status_code, headers=error.headers)


async def refuse(request: Request, error: Exception) -> Response:
    """The answer of an error outside the predict routes."""
    request.scope["exchange"].failure = error
    failure = error if isinstance(error, ServingError) else FAILED
    headers = {name.decode(): value.decode() for name, value in error_headers(failure)}
    return Response(error_body(failure), failure.http_status, headers, media_type="application/json")


async def let_go(_: Request, __: Exception) -> Response:
    """Nobody waits for an answer any more; the log has this status."""
    return Response(status_code=int(CLIENT_GONE))


def error_body(failure: ServingError) -> bytes:
    # What is wrong with an artifact has an entry in docs/TROUBLESHOOTING.md by its code.
    code = f"{failure.code}: " if isinstance(failure, LoadError) else ""
    return orjson.dumps({"error": f"{code}{failure}"})


def error_headers(failure: ServingError) -> Headers:
    """What the status of *failure* asks for beside a body, on every route."""
    headers = []
    if failure.retry_after_s is not None:
        headers.append((b"retry-after", str(failure.retry_after_s).encode()))
    if isinstance(failure, Unauthenticated):
        headers.append((b"www-authenticate", b"Bearer"))
    if isinstance(failure, MethodNotAllowed):
        headers.append((b"allow", b"POST"))
    return headers
