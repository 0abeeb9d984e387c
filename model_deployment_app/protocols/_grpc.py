"""Open Inference Protocol over gRPC: messages <-> `Tensors`.

References
----------
KServe, "Open Inference Protocol", gRPC; tensor contents and raw tensor contents.
"""

from typing import Any

import numpy as np

from ..engine.revision import Revision
from ..errors import InvalidRequest, InvalidTensor, quoted
from ..tensors import Tensors
from . import _infer, _metadata
from ._datatypes import DATATYPES, from_raw, from_values, text, to_raw
from ._endpoint import Call, Reply
from ._infer import InputTensor, OutputTensor
from ._messages import ModelInferRequest, ModelInferResponse, ModelMetadataResponse, ServerMetadataResponse

#: Where `InferTensorContents` holds the values of a datatype. FP16 and BF16 come as raw bytes alone.
_FIELDS = {
    "BOOL": "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}

#: Of these, a field holds more than the datatype does.
_NARROW = ("INT8", "INT16", "UINT8", "UINT16")


def call(request: ModelInferRequest, revision: Revision) -> Call:
    """One request, decoded; the answer is a ModelInferResponse, its values raw if those of *request* are.

    Raises
    ------
    InvalidRequest
        If values are missing, in the wrong place or in both places, or a name or a datatype is not known.
    InvalidTensor
        If values do not fit their datatype or shape, or shapes the model.
    """
    is_raw = bool(request.raw_input_contents)
    tensors = _raw_inputs(request) if is_raw else [_input(tensor) for tensor in request.inputs]
    names = _infer.outputs(revision, [output.name for output in request.outputs])

    def encode(computed: Tensors) -> Reply:
        outputs = _infer.answer(revision, names, computed)
        return Reply(_response(request.id, revision, outputs, is_raw=is_raw), b"application/grpc")

    return Call(_infer.inputs(tensors, revision.signature), names, encode)


def _raw_inputs(request: ModelInferRequest) -> list[InputTensor]:
    contents = request.raw_input_contents
    if len(contents) != len(request.inputs):
        raise InvalidRequest(
            f"raw_input_contents: expected one entry for each of {len(request.inputs)} input(s), got {len(contents)}"
        )
    tensors = []
    for tensor, content in zip(request.inputs, contents, strict=True):
        if tensor.HasField("contents"):
            raise InvalidRequest(
                f"input {quoted(tensor.name)}: expected contents or raw_input_contents, got both: send one of them"
            )
        shape = tuple(tensor.shape)
        values = from_raw(content, tensor.datatype, shape, tensor.name)
        tensors.append(InputTensor(tensor.name, tensor.datatype, shape, values))
    return tensors


def _input(tensor: Any) -> InputTensor:
    shape, datatype = tuple(tensor.shape), tensor.datatype
    field = _FIELDS.get(datatype)
    if field is None and datatype in DATATYPES:
        raise InvalidRequest(
            f"input {quoted(tensor.name)}: expected {datatype} in raw_input_contents, which is missing"
        )
    for other, _ in tensor.contents.ListFields():
        if field is not None and other.name != field:
            raise InvalidRequest(f"input {quoted(tensor.name)}: expected {datatype} in {field}, got {other.name}")
    values: Any = [] if field is None else getattr(tensor.contents, field)
    if datatype == "BYTES":
        values = [text(element, position, tensor.name) for position, element in enumerate(values)]
    else:
        values = np.asarray(values)
        if datatype in _NARROW and not _fits(values, datatype):
            raise InvalidTensor(f"input {quoted(tensor.name)}: expected {datatype}, got a number beyond it")
    return InputTensor(tensor.name, datatype, shape, from_values(values, datatype, shape, tensor.name))


def _fits(values: np.ndarray, datatype: str) -> bool:
    """Whether NumPy, which casts arrays without a look at what is beyond, would keep all of *values*."""
    bounds = np.iinfo(datatype.lower())
    return values.size == 0 or bool(bounds.min <= values.min() and values.max() <= bounds.max)


def _response(request_id: str, revision: Revision, outputs: list[OutputTensor], *, is_raw: bool) -> bytes:
    response = ModelInferResponse(model_name=revision.name, model_version=revision.version, id=request_id)
    for output in outputs:
        tensor = response.outputs.add(name=output.name, datatype=output.datatype, shape=output.shape)
        for key, value in output.parameters.items():
            tensor.parameters[key].string_param = value
        if is_raw:
            response.raw_output_contents.append(to_raw(output.values, output.datatype))
        else:
            values = output.values.ravel().tolist()
            if output.datatype == "BYTES":
                values = [element.encode() for element in values]
            getattr(tensor.contents, _FIELDS[output.datatype]).extend(values)
    return response.SerializeToString()


def server_metadata() -> bytes:
    """What this server is."""
    return ServerMetadataResponse(name=_metadata.SERVER, version=_metadata.SERVER_VERSION).SerializeToString()


def model_metadata(revision: Revision) -> bytes:
    """What one model takes and gives."""
    model = _metadata.model(revision)
    for tensor in (*model["inputs"], *model["outputs"]):
        tensor.pop("parameters", None)  # the message has none
    return ModelMetadataResponse(**model).SerializeToString()
