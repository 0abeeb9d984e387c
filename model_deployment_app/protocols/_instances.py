"""The JSON that the native dialect and KServe V1 share: ``{"instances": [row, …]}``."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import numpy as np
import orjson

from ..errors import InvalidRequest
from ..signature import Signature
from ..tensors import MAX_EXACT_INTEGER, ROWS, Tensors, from_instances, kind
from . import _numbers


class NumberDecoder:
    """Reads a message whose rows are of one shape, of numbers that float64 holds: straight to NumPy.

    Parameters
    ----------
    message : callable
        The type of the message, as msgspec takes it, of that of its rows.
    rows : callable
        The rows of such a message.
    """

    def __init__(self, message: Callable[[Any], Any], rows: Callable[[Any], Any]) -> None:
        numbers: Any = list[float | None]
        self._rows = rows
        self._decoders = []
        # Tables first; then sequences, images, and stacks of images.
        for _ in range(4):
            numbers = list[numbers]
            self._decoders.append(msgspec.json.Decoder(message(numbers)))

    def decode(self, body: bytes) -> tuple[Any, np.ndarray] | None:
        """The message, and its rows; None if it is anything else."""
        for decoder in self._decoders:  # the wrong ones fail at the first cell
            try:
                message = decoder.decode(body)
                rows = np.array(self._rows(message), dtype=np.float64)
            except (msgspec.MsgspecError, ValueError, RecursionError):
                continue
            return (message, rows) if rows.ndim > 1 and not beyond_exact(rows) else None
        return None


_decoder = NumberDecoder(
    lambda rows: msgspec.defstruct("Instances", [("instances", rows)], forbid_unknown_fields=True),
    lambda message: message.instances,
)
_anything = msgspec.json.Decoder()

_MAX_SQUARE = float(MAX_EXACT_INTEGER) ** 2


def beyond_exact(numbers: np.ndarray) -> bool:
    """Whether one may have been an integer that float64 does not hold."""
    # The sum of their squares is not less than that of the largest, and many times faster to tell.
    if np.vdot(numbers, numbers) < _MAX_SQUARE:
        return False
    return bool((np.abs(numbers) >= MAX_EXACT_INTEGER).any())


def decode_numbers(body: bytes) -> Tensors | None:
    """The common case: rows of numbers and nothing else; None if it is not that."""
    rows = _numbers.table(body)
    if rows is not None:
        return None if beyond_exact(rows) else {ROWS: rows}
    decoded = _decoder.decode(body)
    return None if decoded is None else {ROWS: decoded[1]}


def decode_object(body: bytes, expected: str = '{"instances": [[…]]}') -> dict[str, Any]:
    """Any JSON object; *expected* is one, for the message of a refusal.

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
        raise InvalidRequest(f"expected an object such as {expected}, got {kind(message)}")
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


def wanted(signature: Signature) -> list[str]:
    """Probabilities or predictions; labels where they are all there is."""
    names = [spec.name for spec in signature.outputs]
    return [name for name in names if name != "labels"] or names


def predictions(outputs: Mapping[str, np.ndarray]) -> Any:
    """One entry a row, as `dumps` writes it; with several outputs, the list of their probability rows."""
    arrays = list(outputs.values())
    if "probabilities-0" in outputs:
        return [list(rows) for rows in zip(*(array.tolist() for array in arrays), strict=True)]
    return as_json(arrays[0])


def as_json(array: np.ndarray) -> Any:
    """What `dumps` writes as this array: numbers as they are, anything else as Python objects."""
    if array.dtype.kind == "f" and array.dtype.itemsize > 8:
        array = array.astype(np.float64)
    if array.dtype.kind in "fiub":
        if array.flags.c_contiguous and array.dtype.isnative:
            return array
        return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))
    return array.tolist()


def dumps(message: object) -> bytes:
    """Strict JSON; class labels that JSON does not know are written as strings."""
    return orjson.dumps(message, default=str, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS)
