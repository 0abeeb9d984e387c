"""The JSON that the native dialect and KServe V1 share: ``{"instances": [row, …]}``."""

from typing import Any

import msgspec
import numpy as np
import orjson

from ..errors import InvalidRequest
from ..tensors import MAX_EXACT_INTEGER, ROWS, Tensors, from_instances, kind

SCALAR = {"type": ["number", "string", "null"]}

#: JSON schema of a request.
REQUEST: dict[str, Any] = {
    "type": "object",
    "required": ["instances"],
    "properties": {
        "instances": {
            "description": "Rows: arrays in the order of the features (nested, for images and sequences), objects by "
            "column name, or strings of text.",
            "type": "array",
            "minItems": 1,
            "items": {
                "anyOf": [
                    {"type": "array", "items": {"anyOf": [SCALAR, {"type": "array"}]}},
                    {"type": "object", "additionalProperties": SCALAR},
                    {"type": "string"},
                ]
            },
        }
    },
}


def _decoder(axes: int) -> msgspec.json.Decoder:
    numbers: Any = float | None
    for _ in range(axes):
        numbers = list[numbers]
    return msgspec.json.Decoder(msgspec.defstruct("Numbers", [("instances", numbers)], forbid_unknown_fields=True))


#: Tables first; then sequences, images, and stacks of images.
_numbers = [_decoder(axes) for axes in (2, 3, 4, 5)]
_anything = msgspec.json.Decoder()


def decode_numbers(body: bytes) -> Tensors | None:
    """The common case, straight to NumPy: rows of one shape, of numbers that float64 holds; None if it is not that."""
    for decoder in _numbers:  # the wrong ones fail at the first cell
        try:
            rows = np.array(decoder.decode(body).instances, dtype=np.float64)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            continue
        return {ROWS: rows} if rows.ndim > 1 and not (np.abs(rows) >= MAX_EXACT_INTEGER).any() else None
    return None


def decode_object(body: bytes) -> dict[str, Any]:
    """Any JSON object.

    Raises
    ------
    InvalidRequest
        If the body is not strict JSON (NaN, Infinity and numbers beyond float64 are not), or not an object.
    """
    try:
        message = _anything.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(not_json(body, str(error))) from error
    if not isinstance(message, dict):
        raise InvalidRequest(f'expected an object such as {{"instances": [[…]]}}, got {kind(message)}')
    return message


def not_json(body: bytes, reason: str) -> str:
    """Why a parser that gives *reason* has not taken *body*."""
    if not body:
        return "the body is empty"
    if "out of range" in reason:
        return "the body holds a number beyond float64"
    hint = " (NaN and Infinity are not; null is a missing value)" if b"NaN" in body or b"Infinity" in body else ""
    return f"the body is not JSON{hint}: {reason.removeprefix('JSON is malformed: ')}"


def from_instance(instance: object) -> Tensors:
    """One row that does not come from a request, as if it did (see `from_instances`)."""
    body = msgspec.json.encode({"instances": [instance]})
    return decode_numbers(body) or from_instances([instance])


def as_json(array: np.ndarray) -> Any:
    """What `dumps` writes as this array: numbers as they are, anything else as Python objects."""
    if array.dtype.kind == "f" and array.dtype.itemsize > 8:
        array = array.astype(np.float64)
    if array.dtype.kind in "fiub":
        return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))
    return array.tolist()


def dumps(message: object) -> bytes:
    """Strict JSON; class labels that JSON does not know are written as strings."""
    return orjson.dumps(message, default=str, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS)
