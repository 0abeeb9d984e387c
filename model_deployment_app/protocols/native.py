"""Our own dialect: ``POST /predict`` and ``POST /v1/predict``; answers say which model they come from."""

from typing import Any

from ..engine.revision import Revision
from ..errors import InvalidRequest, InvalidTensor, ServingError, quoted
from ..signature import Signature
from ..tensors import Tensors, from_instances, from_values, kind
from ._endpoint import Call, Endpoint, Headers, Reply
from ._instances import as_json, decode_numbers, decode_object, dumps
from ._schemas import MAX_LISTED, Schema, columns, entry, instances, instances_example, plain, rows, scalars, several


def decode(body: bytes) -> Tensors:
    """Read ``{"instances": [row, …]}`` or ``{"columns": {name: [value, …], …}}``."""
    if (numbers := decode_numbers(body)) is not None:
        return numbers
    message = decode_object(body)
    match sorted(message):
        case ["instances"]:
            return from_instances(message["instances"])
        case ["columns"]:
            return _from_columns(message["columns"])
    got = ", ".join(quoted(key) for key in list(message)[:5]) or "none"
    raise InvalidRequest(f"expected one key, 'instances' or 'columns', got {got}")


def _from_columns(columns: object) -> Tensors:
    if not isinstance(columns, dict):
        raise InvalidRequest(f"columns: expected an object of arrays by column name, got {kind(columns)}")
    if not columns:
        raise InvalidRequest("columns: expected at least one column, got none")
    for name, values in columns.items():
        if not isinstance(values, list):
            raise InvalidTensor(f"column {quoted(name)}: expected an array with one value a row, got {kind(values)}")
        if not values:
            raise InvalidTensor(f"column {quoted(name)}: expected at least one row, got none")
    return {name: from_values(values) for name, values in columns.items()}


def wanted(signature: Signature) -> list[str]:
    """Everything there is."""
    return [spec.name for spec in signature.outputs]


def encode(revision: Revision, outputs: Tensors) -> bytes:
    """Probabilities, classes and labels, or predictions; with several outputs, one array for each, in order."""
    answer: dict[str, Any] = {"model": {"name": revision.name, "version": revision.version, "sha256": revision.sha256}}
    probabilities = [as_json(array) for name, array in outputs.items() if name.startswith("probabilities")]
    if probabilities:
        answer["probabilities"] = probabilities if "probabilities-0" in outputs else probabilities[0]
    for name in ("labels", "predictions"):
        if name in outputs:
            # Shape (rows, outputs) becomes one array for each output; (rows,) stays.
            answer[name] = as_json(outputs[name].T)
    if classes := revision.signature.classes:
        answer["classes"] = list(classes) if outputs["labels"].ndim == 2 else list(classes[0])
    return dumps(answer)


def call(body: bytes, _: Headers, revision: Revision) -> Call:
    return Call(decode(body), wanted(revision.signature), lambda outputs: Reply(encode(revision, outputs)))


def error(failure: ServingError) -> bytes:
    return dumps({"error": {"code": failure.code, "message": str(failure)}})


def request(signature: Signature | None) -> Schema:
    if signature is not None and not signature.is_named:
        return instances(signature)
    by_column = {"type": "object", "required": ["columns"], "properties": {"columns": columns(signature)}}
    return {"anyOf": [instances(signature), by_column]}


def response(signature: Signature | None) -> Schema:
    strings = {key: {"type": "string"} for key in ("name", "version", "sha256")}
    answer = {"model": {"type": "object", "required": list(strings), "properties": strings}}
    if signature is None:
        answer |= {key: {"type": "array"} for key in ("probabilities", "classes", "labels", "predictions")}
        return {"type": "object", "required": ["model"], "properties": answer}
    probabilities = [
        rows(entry(output, signature)) for output in signature.outputs if output.name.startswith("probabilities")
    ]
    for output in signature.outputs:
        if output.name in ("labels", "predictions"):
            arrays = [rows(value) for value in scalars(output, signature)]
            answer[output.name] = arrays[0] if len(output.shape) == 1 else several(arrays)
    if probabilities:
        answer["probabilities"] = probabilities[0] if len(probabilities) == 1 else several(probabilities)
    if classes := signature.classes:
        known = plain(classes if len(signature.outputs[-1].shape) == 2 else classes[0])
        answer["classes"] = {"const": known} if sum(map(len, classes)) <= MAX_LISTED else {"type": "array"}
    return {"type": "object", "required": list(answer), "properties": answer}


ENDPOINTS = [
    Endpoint(
        protocol="native",
        path=path,
        summary="Predict",
        decode=call,
        error=error,
        request=request,
        response=response,
        example=instances_example,
    )
    for path in ("/predict", "/v1/predict")
]
