"""An inference request of V2 over REST: JSON, and the raw bytes that may follow it.

References
----------
KServe, "Open Inference Protocol", REST, inference request; Triton, "Binary tensor data extension".
"""

import re
from typing import Annotated, Any

import msgspec
import numpy as np

from ..errors import InvalidRequest, InvalidTensor, quoted
from . import _datatypes, _numbers
from ._endpoint import Headers
from ._infer import InputTensor
from ._instances import not_json

#: How much of a body is JSON; without it, all.
JSON_LENGTH = b"inference-header-content-length"

_LEADING_BRACKETS = re.compile(rb"[\[\s]*")

Axis = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


class _InputParameters(msgspec.Struct):
    binary_data_size: Annotated[int, msgspec.Meta(ge=0)] | None = None


class _Input(msgspec.Struct):
    name: str
    datatype: str
    shape: list[Axis]
    data: msgspec.Raw = msgspec.Raw(b"null")
    parameters: _InputParameters | None = None


class _OutputParameters(msgspec.Struct):
    binary_data: bool | None = None
    classification: object = None


class Output(msgspec.Struct):
    """An output that is asked for; whether as raw bytes, if the request says it."""

    name: str
    parameters: _OutputParameters | None = None


class _RequestParameters(msgspec.Struct):
    binary_data_output: bool | None = None


class Request(msgspec.Struct):
    """What is left of a request without unknown keys and parameters, which are ignored."""

    inputs: list[_Input]
    outputs: list[Output] | None = None
    id: str | None = None
    parameters: _RequestParameters | None = None

    def is_binary(self, output: str) -> bool:
        """Whether *output* is to be answered as raw bytes."""
        for each in self.outputs or ():
            if each.name == output and each.parameters is not None and each.parameters.binary_data is not None:
                return each.parameters.binary_data
        return self.parameters is not None and self.parameters.binary_data_output is True


_request = msgspec.json.Decoder(Request)


def _decoders(value: Any) -> list[msgspec.json.Decoder]:
    """For flat arrays of *value*, arrays of arrays, and so on."""
    decoders = []
    for _ in range(_datatypes.MAX_AXES):
        value = list[value]
        decoders.append(msgspec.json.Decoder(value))
    return decoders


_integers = _decoders(int)
_data = dict.fromkeys(_datatypes.DATATYPES, _integers)
_data |= dict.fromkeys(("FP16", "FP32", "FP64", "BF16"), _decoders(float | None))
_data |= {"BOOL": _decoders(bool), "BYTES": _decoders(str | None)}


def decode(body: bytes, headers: Headers) -> tuple[Request, list[InputTensor]]:
    """Read a request, and its inputs.

    Raises
    ------
    InvalidRequest
        If it is not JSON of the right keys, its raw bytes do not add up, or it asks for what is not supported.
    InvalidTensor
        If an input is not of its own datatype and shape.
    """
    size_bytes = _json_bytes(body, headers)
    document, content = body[:size_bytes], memoryview(body)[size_bytes:]
    try:
        request = _request.decode(document)
    except msgspec.ValidationError as error:
        raise InvalidRequest(_told(error, "")) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(not_json(document, str(error))) from error
    for output in request.outputs or ():
        if output.parameters is not None and output.parameters.classification is not None:
            raise InvalidRequest(
                f"output {quoted(output.name)}: the classification extension is not supported: ask for probabilities"
            )
    return request, _tensors(request.inputs, content)


def _json_bytes(body: bytes, headers: Headers) -> int:
    lengths = {value for name, value in headers if name == JSON_LENGTH}
    if not lengths:
        return len(body)
    length = lengths.pop()
    # So many digits are a number of bytes that nobody sends, and that int() may refuse to read.
    if lengths or not length.isdigit() or len(length) > 19 or int(length) > len(body):
        raise InvalidRequest(
            f"Inference-Header-Content-Length: expected how many of the {len(body)} bytes of the body are JSON, got "
            "something else"
        )
    return int(length)


def _tensors(sent: list[_Input], content: memoryview) -> list[InputTensor]:
    tensors, start = [], 0
    for each in sent:
        size_bytes = None if each.parameters is None else each.parameters.binary_data_size
        has_data = memoryview(each.data) != b"null"
        if has_data is (size_bytes is not None):
            raise InvalidRequest(
                f"input {quoted(each.name)}: expected either data or parameters.binary_data_size, got "
                + ("both" if has_data else "neither")
            )
        if size_bytes is None:
            values = _values(each)
        else:
            if size_bytes > len(content) - start:
                raise InvalidRequest(
                    f"input {quoted(each.name)}: expected {size_bytes} bytes after the JSON and the inputs before, got "
                    f"{len(content) - start}: Inference-Header-Content-Length tells where the JSON ends"
                )
            raw = content[start : start + size_bytes]
            values = _datatypes.from_raw(raw, each.datatype, each.shape, each.name)
            start += size_bytes
        tensors.append(InputTensor(each.name, each.datatype, tuple(each.shape), values))
    if start < len(content):
        raise InvalidRequest(
            f"expected {start} bytes after the JSON, the binary_data_size of all inputs together, got {len(content)}"
        )
    return tensors


def _values(sent: _Input) -> np.ndarray:
    _datatypes.check(sent.datatype, sent.shape, sent.name)
    data = memoryview(sent.data)
    label = f"input {quoted(sent.name)}: data"
    levels = _levels(data)
    if levels not in (1, len(sent.shape)):
        raise InvalidTensor(f"{label}: expected a flat array, or one of {len(sent.shape)} levels, got {levels}")
    if levels == 1 and sent.datatype.startswith("FP") and (numbers := _numbers.flat(bytes(data))) is not None:
        return _datatypes.from_values(numbers, sent.datatype, sent.shape, sent.name)
    try:
        values = _data[sent.datatype][levels - 1].decode(data)
    except msgspec.ValidationError as error:
        raise InvalidTensor(_told(error, label)) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"{label}: expected strict JSON in UTF-8, got something else") from error
    return _datatypes.from_values(values, sent.datatype, sent.shape, sent.name)


def _levels(data: memoryview) -> int:
    found = _LEADING_BRACKETS.match(data)
    return 0 if found is None else found.group().count(b"[")


def _told(error: msgspec.ValidationError, root: str) -> str:
    """In our manner: ``inputs[0].shape[1]: expected int, got str``."""
    what, _, where = str(error).replace("`", "").partition(" - at $")
    return f"{(root + where).lstrip('.') or 'the body'}: {what[:1].lower()}{what[1:]}"
