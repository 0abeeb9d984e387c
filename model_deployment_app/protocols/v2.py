"""Open Inference Protocol V2 over REST: ``POST /v2/models/{name}/infer``, and what there is to ask beside it.

References
----------
KServe, "Open Inference Protocol", REST; Triton, "Binary tensor data extension".
"""

from typing import Any

from fastapi import APIRouter

from ..dataplane import DataPlane
from ..engine.revision import Revision
from ..errors import ServingError
from ..tensors import Tensors
from . import _datatypes, _infer, _metadata, _v2_request, _v2_schemas
from ._endpoint import Call, Endpoint, Headers, Reply
from ._instances import as_json, dumps
from ._v2_request import JSON_LENGTH, Request


def call(body: bytes, headers: Headers, revision: Revision) -> Call:
    request, tensors = _v2_request.decode(body, headers)
    names = _infer.outputs(revision, [output.name for output in request.outputs or ()])
    inputs = _infer.inputs(tensors, revision.signature)
    return Call(inputs, names, lambda computed: encode(revision, request, names, computed))


def encode(revision: Revision, request: Request, names: list[str], computed: Tensors) -> Reply:
    """JSON; the outputs that are wanted as raw bytes follow it."""
    tensors, contents = [], []
    for output in _infer.answer(revision, names, computed):
        tensor: dict[str, Any] = {"name": output.name, "shape": output.shape, "datatype": output.datatype}
        parameters: dict[str, Any] = dict(output.parameters)
        if request.is_binary(output.name):
            contents.append(_datatypes.to_raw(output.values, output.datatype))
            parameters["binary_data_size"] = len(contents[-1])
        else:
            tensor["data"] = as_json(output.values.ravel())
        tensors.append(tensor | ({"parameters": parameters} if parameters else {}))
    answer: dict[str, Any] = {"model_name": revision.name, "model_version": revision.version}
    if request.id is not None:
        answer["id"] = request.id
    document = dumps(answer | {"outputs": tensors})
    if not contents:
        return Reply(document)
    return Reply(
        b"".join([document, *contents]),
        b"application/octet-stream",
        ((JSON_LENGTH, str(len(document)).encode()),),
    )


def error(failure: ServingError) -> bytes:
    return dumps({"error": str(failure)})


ENDPOINTS = [
    Endpoint(
        protocol="v2",
        path=path,
        summary="Infer (Open Inference Protocol V2)",
        decode=call,
        error=error,
        request=_v2_schemas.request,
        response=_v2_schemas.response,
        example=_v2_schemas.example,
    )
    for path in ("/v2/models/{name}/infer", "/v2/models/{name}/versions/{version}/infer")
]

_NOT_READY: dict[int | str, dict[str, Any]] = {503: {"description": "Not ready"}}
_NOT_THERE: dict[int | str, dict[str, Any]] = {404: {"description": "No such model, or not in this version"}}


def router(dataplane: DataPlane) -> APIRouter:
    """The routes that carry no tensors."""
    routes = APIRouter(prefix="/v2", tags=["Open Inference Protocol V2"])

    @routes.get("")
    async def server() -> dict[str, Any]:
        """Which server this is."""
        extensions = _metadata.EXTENSIONS + (_metadata.CONTROL_EXTENSIONS if dataplane.has_model_control else ())
        return {"name": _metadata.SERVER, "version": _metadata.SERVER_VERSION, "extensions": list(extensions)}

    @routes.get("/health/live")
    async def live() -> dict[str, bool]:
        """200 as long as the process answers."""
        return {"live": True}

    @routes.get("/health/ready", responses=_NOT_READY)
    async def ready() -> dict[str, bool]:
        """Whether every model but those unloaded by request answers: 200, or 503 with the reason."""
        dataplane.check_ready()
        return {"ready": True}

    @routes.get("/models/{name}", responses=_NOT_THERE | _NOT_READY)
    async def model(name: str) -> dict[str, Any]:
        """Inputs and outputs of one model."""
        return _metadata.model(dataplane.revision(name))

    @routes.get("/models/{name}/versions/{version}", responses=_NOT_THERE | _NOT_READY)
    async def model_version(name: str, version: str) -> dict[str, Any]:
        """The same, of one version."""
        return _metadata.model(dataplane.revision(name, version))

    @routes.get("/models/{name}/ready", responses=_NOT_THERE | _NOT_READY)
    async def model_ready(name: str) -> dict[str, Any]:
        """Whether one model answers: 200, or 503 with the reason."""
        return {"name": dataplane.revision(name).name, "ready": True}

    @routes.get("/models/{name}/versions/{version}/ready", responses=_NOT_THERE | _NOT_READY)
    async def version_ready(name: str, version: str) -> dict[str, Any]:
        """The same, of one version."""
        return {"name": dataplane.revision(name, version).name, "ready": True}

    return routes
