"""Loads and unloads models by request, in the words of the V1 routes and of Triton's model repository extension.

References
----------
Triton Inference Server, "Model Repository Extension": index, load and unload over HTTP.
"""

from functools import partial
from typing import Any

import msgspec
from fastapi import APIRouter, Depends, Request, Response

from .. import plugins
from ..errors import InvalidRequest, PermissionDenied, quoted
from ..repository import ModelRepository

#: What Triton's clients send with every unload; no model of ours has dependents.
_IGNORED = ("unload_dependents",)


def router(repository: ModelRepository, *, is_enabled: bool, timeout_s: float) -> APIRouter:
    """The routes that change what is served; `HttpLane` lets keys for administration alone through to them.

    Parameters
    ----------
    repository : ModelRepository
    is_enabled : bool
        Whether models may be loaded and unloaded; if not, all but the index is refused.
    timeout_s : float
        For fetching an artifact.
    """
    routes = APIRouter(tags=["administration"])
    post = partial(routes.post, include_in_schema=is_enabled, responses=_REFUSALS)

    async def require_enabled() -> None:
        if not is_enabled:
            raise PermissionDenied(
                "loading and unloading by request is off: set config.repository.loadUnload: true in the chart"
            )

    change = partial(post, dependencies=[Depends(require_enabled)])
    change_v2 = partial(
        post, dependencies=[Depends(require_enabled), Depends(_refuse_parameters)], response_class=Response
    )

    @change("/v1/models/{name}/load")
    async def load(name: str, model_format: str | None = None) -> dict[str, Any]:
        """Load the artifact that is at the model's address now; the one that was served answers until it is ready."""
        formats = plugins.names("formats")
        if model_format is not None and model_format not in formats:
            raise InvalidRequest(f"model_format: expected one of {', '.join(formats)}, got {quoted(model_format)}")
        loaded = await repository.reload(name, timeout_s=timeout_s, model_format=model_format)
        return {
            "model": name,
            "format": model_format or repository.format_of(name),
            "status": "loaded",
            "load_time_seconds": round(sum(loaded.load_seconds.values()), 3),
        }

    @change("/v1/models/{name}/unload")
    async def unload(name: str) -> dict[str, str]:
        """Answer no more requests for a model, until it is loaded again."""
        await repository.unload(name)
        return {"model": name, "status": "unloaded"}

    @post("/v2/repository/index")
    async def index(request: Request) -> list[dict[str, str]]:
        """Every model that there is, whether it is ready, and why not; ``{"ready": true}``: those that are."""
        message = _message(await request.body())
        only_ready = message.pop("ready", False)
        if message or not isinstance(only_ready, bool):
            raise InvalidRequest('expected nothing, or {"ready": true}')
        return [
            {
                "name": entry.name,
                **({} if entry.version is None else {"version": entry.version}),
                "state": entry.state,
                "reason": entry.reason,
            }
            for entry in repository.index()
            if entry.state == "READY" or not only_ready
        ]

    @change_v2("/v2/repository/models/{name}/load")
    async def load_v2(name: str) -> Response:
        """As ``/v1/models/{name}/load``."""
        await repository.reload(name, timeout_s=timeout_s)
        return Response()

    @change_v2("/v2/repository/models/{name}/unload")
    async def unload_v2(name: str) -> Response:
        """As ``/v1/models/{name}/unload``."""
        await repository.unload(name)
        return Response()

    return routes


_REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"description": "A parameter or format that there is not"},
    401: {"description": "No key, or one that is not known"},
    403: {"description": "Switched off, or the key is not for administration"},
    404: {"description": "No such model"},
    409: {"description": "It is being loaded or unloaded already"},
    422: {"description": "What is wrong with the artifact; what was served is served on"},
}


def _message(body: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body or b"{}", type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(f"expected nothing, or a JSON object: {error}") from error


async def _refuse_parameters(request: Request) -> None:
    """Take the body of a load or an unload, if it asks for nothing that the values decide."""
    message = _message(await request.body())
    parameters = message.pop("parameters", {})
    if message or not isinstance(parameters, dict):
        raise InvalidRequest('expected nothing, or {"parameters": {…}}')
    if odd := [name for name in parameters if name not in _IGNORED]:
        raise InvalidRequest(f"parameters: {quoted(odd[0])} is not taken: the values say how a model is loaded")
