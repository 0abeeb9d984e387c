"""KServe V1: ``POST /v1/models/{name}:predict``, ``GET /v1/models``, ``GET /v1/models/{name}``.

References
----------
KServe, "V1 inference protocol".
"""

from typing import Any

from fastapi import APIRouter

from ..dataplane import DataPlane
from ..engine.revision import Revision
from ..errors import InvalidRequest, ServingError
from ..signature import Signature
from ..tensors import Tensors, from_instances
from ._endpoint import Call, Endpoint, Headers, Reply
from ._instances import decode_numbers, decode_object, dumps, predictions, wanted
from ._schemas import Schema, instances, instances_example, prediction, rows


def decode(body: bytes) -> Tensors:
    """Read ``{"instances": [row, …]}``; other keys, which TensorFlow clients send, are ignored."""
    if (numbers := decode_numbers(body)) is not None:
        return numbers
    message = decode_object(body)
    if "instances" not in message:
        raise InvalidRequest('instances: missing; expected {"instances": [row, …]}')
    return from_instances(message["instances"])


def encode(outputs: Tensors) -> bytes:
    """One prediction an instance."""
    return dumps({"predictions": predictions(outputs)})


def call(body: bytes, _: Headers, revision: Revision) -> Call:
    return Call(decode(body), wanted(revision.signature), lambda outputs: Reply(encode(outputs)))


def error(failure: ServingError) -> bytes:
    return dumps({"error": str(failure)})


def response(signature: Signature | None) -> Schema:
    answer = {"predictions": rows(prediction(signature))}
    return {"type": "object", "required": ["predictions"], "properties": answer}


ENDPOINTS = [
    Endpoint(
        protocol="v1",
        path="/v1/models/{name}:predict",
        summary="Predict (KServe V1)",
        decode=call,
        error=error,
        request=instances,
        response=response,
        example=instances_example,
    )
]


def router(dataplane: DataPlane) -> APIRouter:
    """The routes that carry no tensors."""
    routes = APIRouter(prefix="/v1/models", tags=["KServe V1"])

    @routes.get("")
    async def models() -> dict[str, Any]:
        """Names of the models that this server is for."""
        return {"models": dataplane.names()}

    @routes.get("/{name}", responses={404: {"description": "No such model"}, 503: {"description": "Not ready"}})
    async def model(name: str) -> dict[str, Any]:
        """Whether one model answers: 200, or 503 with the reason."""
        return {"name": dataplane.revision(name).name, "ready": True}

    return routes
