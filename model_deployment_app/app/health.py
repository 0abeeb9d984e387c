"""What probes and people ask: alive, ready, and what runs."""

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from ..errors import ModelNotFound, ModelNotReady, ServingError
from ..repository import ModelRepository


def router(repository: ModelRepository, *, app_version: str) -> APIRouter:
    """``/livez``, ``/readyz`` and ``/health``; none of them ever needs a key."""
    routes = APIRouter(tags=["health"])

    @routes.get("/livez")
    async def livez() -> dict[str, str]:
        """200 as long as the process answers."""
        return {"status": "alive"}

    @routes.get("/readyz", responses={503: {"description": "Loading, or waiting for the store"}})
    async def readyz() -> Response:
        """200 once every model has answered its warm-up; before, 503 with the code and the reason."""
        waiting = [name for name in repository.names() if name not in repository.ready()]
        if not waiting:
            return JSONResponse({"status": "ready", "models": _digests(repository)})
        failure = repository.failure(waiting[0])
        return JSONResponse(
            {
                "status": "not ready",
                "code": failure.code if failure else "Loading",
                "reason": str(failure) if failure else f"{waiting[0]} is loading",
            },
            status_code=ModelNotReady.http_status,
            headers={"Retry-After": str(ModelNotReady.retry_after_s)},
        )

    @routes.get("/health")
    async def health() -> dict[str, Any]:
        """What runs here: always 200 while the process answers."""
        loaded = repository.ready()
        return {
            "status": "ok" if len(loaded) == len(repository.names()) else "loading",
            "models_loaded": loaded,
            "models": _digests(repository),
            "app_version": app_version,
        }

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


def _digests(repository: ModelRepository) -> list[dict[str, Any]]:
    """Which artifacts are served, and which of them gave the answers of their passport."""
    revisions = [repository.get(name) for name in repository.ready()]
    return [
        {"name": each.name, "version": each.version, "sha256": each.sha256, "verified": each.passport is not None}
        for each in revisions
    ]


async def refuse_path(_: Request, error: Exception) -> Response:
    """The body for a path or a method that there is not."""
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, status_code=error.status_code, headers=error.headers)


async def refuse(_: Request, error: Exception) -> Response:
    """The body of an error outside the predict lane."""
    failure = error if isinstance(error, ServingError) else ServingError("the server failed; its log has the reason")
    headers = {} if failure.retry_after_s is None else {"Retry-After": str(failure.retry_after_s)}
    return JSONResponse({"error": str(failure)}, status_code=failure.http_status, headers=headers)
