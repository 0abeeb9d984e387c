"""Seldon Core 1: ``POST /api/v1.0/predictions``.

References
----------
Seldon Core, "External prediction API" and "Prediction protocol": the JSON of a ``SeldonMessage``.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from ..engine.revision import Revision
from ..errors import InvalidRequest, InvalidTensor, ServingError
from ..signature import Signature, TensorSpec
from ..tensors import ROWS, Tensors, from_instances, from_values, kind
from ._endpoint import Call, Endpoint, Headers, Reply
from ._instances import NumberDecoder, as_json, decode_object, dumps, predictions, wanted
from ._schemas import MAX_LISTED, Schema, plain_row, prediction, rows

#: NumPy has no more than 64; nobody's rows have more than these.
_MAX_AXES = 8

_FORMS = ("ndarray", "tensor")

#: What a SeldonMessage may hold in place of ``data``.
_OTHER_PAYLOADS = ("strData", "jsonData", "binData", "customData")


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked, and what the answer repeats.

    Attributes
    ----------
    rows : ndarray
        One axis for text, else two or more.
    names : list of str
        Of the columns; empty where there are none.
    form : {"ndarray", "tensor"}
    puid : str or None
        The client's own id of the request.
    """

    rows: np.ndarray
    names: list[str]
    form: str
    puid: str | None


def _message(rows: Any) -> Any:
    """The type of a message, as msgspec takes it, of that of its rows."""
    meta = msgspec.defstruct("Meta", [("puid", str | None, None)])
    data = msgspec.defstruct("Data", [("ndarray", rows), ("names", list[str] | None, None)], forbid_unknown_fields=True)
    return msgspec.defstruct("Message", [("data", data), ("meta", meta | None, None)], forbid_unknown_fields=True)


_numbers = NumberDecoder(_message, lambda message: message.data.ndarray)


def decode(body: bytes) -> Request:
    """Read ``{"data": {"names": […], "ndarray": [row, …]}}``, or a ``tensor`` of ``shape`` and ``values``."""
    if (decoded := _numbers.decode(body)) is not None:
        message, rows = decoded
        return Request(rows, message.data.names or [], "ndarray", message.meta.puid if message.meta else None)
    content = decode_object(body, '{"data": {"ndarray": [[…]]}}')
    for key in _OTHER_PAYLOADS:
        if key in content:
            raise InvalidRequest(f"{key}: not taken here; send the rows as data.ndarray or data.tensor")
    puid = _puid(content.get("meta"))
    data = content.get("data")
    if not isinstance(data, dict):
        got = kind(data) if "data" in content else "none"
        raise InvalidRequest(f"data: expected an object with ndarray or tensor, got {got}")
    forms = [form for form in _FORMS if form in data]
    if len(forms) != 1:
        raise InvalidRequest(f"data: expected one of ndarray and tensor, got {'both' if forms else 'neither'}")
    rows = _from_ndarray(data["ndarray"]) if forms == ["ndarray"] else _from_tensor(data["tensor"])
    return Request(rows, _names(data.get("names")), forms[0], puid)


def _puid(meta: object) -> str | None:
    if meta is None:
        return None
    if not isinstance(meta, dict):
        raise InvalidRequest(f"meta: expected an object, got {kind(meta)}")
    puid = meta.get("puid")
    if puid is not None and not isinstance(puid, str):
        raise InvalidRequest(f"meta.puid: expected a string, got {kind(puid)}")
    return puid


def _names(names: object) -> list[str]:
    if names is None:
        return []
    if not isinstance(names, list):
        raise InvalidRequest(f"data.names: expected an array of strings, got {kind(names)}")
    for position, name in enumerate(names):
        if not isinstance(name, str):
            raise InvalidRequest(f"data.names: expected strings, got {kind(name)} at {position}")
    return names


def _from_ndarray(rows: object) -> np.ndarray:
    if not isinstance(rows, list):
        raise InvalidRequest(f"data.ndarray: expected an array of rows, got {kind(rows)}")
    if not rows:
        raise InvalidRequest("data.ndarray: expected at least one row, got none")
    if isinstance(rows[0], dict):
        raise InvalidTensor("row 0: expected an array, got an object; column names are for data.names")
    return from_instances(rows)[ROWS]


def _from_tensor(tensor: object) -> np.ndarray:
    if not isinstance(tensor, dict):
        raise InvalidRequest(f"data.tensor: expected an object with shape and values, got {kind(tensor)}")
    for key in ("shape", "values"):
        if not isinstance(tensor.get(key), list):
            got = kind(tensor[key]) if key in tensor else "none"
            raise InvalidRequest(f"data.tensor.{key}: expected an array of numbers, got {got}")
    shape, values = tensor["shape"], tensor["values"]
    if not 1 <= len(shape) <= _MAX_AXES or any(type(axis) is not int or axis < 1 for axis in shape):
        raise InvalidTensor(f"data.tensor.shape: expected 1 to {_MAX_AXES} positive integers, rows first")
    if math.prod(shape) != len(values):
        raise InvalidTensor(f"data.tensor: the shape asks for another number of values than {len(values)}")
    return from_values(values).reshape(shape)


def tensors(request: Request, signature: Signature) -> Tensors:
    """The rows as `Signature.check` takes them: by name, where names came and the estimator knows names."""
    rows, names = request.rows, request.names
    if not names or not signature.is_named or rows.ndim > 2:
        return {ROWS: rows}
    columns = rows.T if rows.ndim == 2 else [rows]
    if len(names) != len(columns):
        raise InvalidTensor(f"data.names: expected {len(columns)} name(s) like the values of a row, got {len(names)}")
    if len(set(names)) != len(names):
        raise InvalidTensor("data.names: expected each name once")
    return dict(zip(names, columns, strict=True))


def encode(revision: Revision, outputs: Tensors, *, form: str, puid: str | None) -> bytes:
    """Answer in the *form* of the request; text, and rows of unequal lengths, which no tensor holds, as ndarray."""
    arrays = list(outputs.values())
    names = list(_columns([spec for spec in revision.signature.outputs if spec.name in outputs], revision.signature))
    data: dict[str, Any] = {"names": names}
    if form == "tensor" and all(each.dtype.kind in "fiu" and each.shape == arrays[0].shape for each in arrays):
        array = arrays[0] if len(arrays) == 1 else np.stack(arrays, axis=1)
        data["tensor"] = {"shape": list(array.shape), "values": as_json(array.ravel())}
    else:
        data["ndarray"] = predictions(outputs)
    return dumps({"data": data, "meta": {} if puid is None else {"puid": puid}})


def _columns(outputs: list[TensorSpec], signature: Signature) -> Iterable[str]:
    """What each entry of a row of the answer is: a class, for probabilities; else one output, numbered if several."""
    if len(outputs) > 1:
        return (spec.name for spec in outputs)
    [output] = outputs
    if len(output.shape) == 1:
        return [output.name]
    if output.name == "probabilities" and signature.classes:
        return (str(label) for label in signature.classes[0])
    return (f"{output.name}-{i}" for i in range(output.shape[1] or 0))


def call(body: bytes, _: Headers, revision: Revision) -> Call:
    request = decode(body)

    def answer(outputs: Tensors) -> Reply:
        return Reply(encode(revision, outputs, form=request.form, puid=request.puid))

    return Call(tensors(request, revision.signature), wanted(revision.signature), answer)


def error(failure: ServingError) -> bytes:
    status = {"code": failure.http_status, "info": str(failure), "reason": failure.code, "status": "FAILURE"}
    return dumps({"status": status})


_NAMES = {"type": "array", "items": {"type": "string"}}
_META = {"type": "object", "properties": {"puid": {"type": "string"}}}


def request(signature: Signature | None) -> Schema:
    names: Schema = _NAMES
    if signature is not None and signature.is_named and len(signature.columns) <= MAX_LISTED:
        names = {"type": "array", "uniqueItems": True, "items": {"enum": list(signature.columns)}}
    return _any_form(plain_row(signature), {"type": ["number", "null"]}, names)


def response(signature: Signature | None) -> Schema:
    names: Schema = _NAMES
    if signature is not None:
        told = list(_columns([each for each in signature.outputs if each.name in wanted(signature)], signature))
        names = {"const": told} if len(told) <= MAX_LISTED else _NAMES
    return _any_form(prediction(signature), {"type": "number"}, names)


def example(row: Any, signature: Signature) -> dict[str, Any]:
    names = {"names": list(row)} if isinstance(row, dict) else {}
    return {"data": {**names, "ndarray": [list(row.values()) if names else row]}}


def _any_form(row: Schema, value: Schema, names: Schema) -> Schema:
    """A message in either form, by what a row of an ndarray is and a value of a tensor."""
    shape = {"type": "array", "minItems": 1, "maxItems": _MAX_AXES, "items": {"type": "integer", "minimum": 1}}
    tensor = {
        "type": "object",
        "required": ["shape", "values"],
        "properties": {"shape": shape, "values": {"type": "array", "items": value}},
    }
    data = [
        {
            "type": "object",
            "required": [name],
            "properties": {"names": names, name: form},
            "additionalProperties": False,
        }
        for name, form in (("ndarray", rows(row)), ("tensor", tensor))
    ]
    return {"type": "object", "required": ["data"], "properties": {"data": {"anyOf": data}, "meta": _META}}


ENDPOINTS = [
    Endpoint(
        protocol="seldon",
        path="/api/v1.0/predictions",
        summary="Predict (Seldon)",
        decode=call,
        error=error,
        request=request,
        response=response,
        example=example,
    )
]
