"""JSON schemas of the Open Inference Protocol over REST: of any model, and of the one that is loaded."""

from collections.abc import Sequence
from typing import Any

from ..signature import Signature, TensorSpec
from ._datatypes import DATATYPES, datatype_of
from ._infer import classes, expected_shape
from ._instances import from_instance
from ._schemas import MAX_LISTED, Schema, plain, rows

_PARAMETERS: Schema = {"type": "object"}

#: As JSON can hold them, of a column of each dtype.
_NUMBERS = [datatype for datatype in DATATYPES if datatype not in ("BOOL", "BF16", "BYTES")]
_DATATYPES = {"float64": _NUMBERS, "str": ["BYTES"], "object": [*_NUMBERS, "BYTES"]}


def request(signature: Signature | None) -> Schema:
    return {
        "type": "object",
        "required": ["inputs"],
        "properties": {
            "id": {"type": "string"},
            "parameters": _PARAMETERS,
            "inputs": {
                "description": "One table of rows, or one tensor of shape [rows] or [rows, 1] for each column by name.",
                **(rows(_tensor()) if signature is None else _inputs(signature)),
            },
            "outputs": {
                "description": "Which outputs to answer; by default, all.",
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["name"],
                    "properties": {
                        "name": {"type": "string"}
                        if signature is None
                        else {"enum": [output.name for output in signature.outputs]},
                        "parameters": _PARAMETERS,
                    },
                },
            },
        },
    }


def response(signature: Signature | None) -> Schema:
    outputs = [_tensor()] if signature is None else [_output(output, signature) for output in signature.outputs]
    return {
        "type": "object",
        "required": ["model_name", "model_version", "outputs"],
        "properties": {
            "model_name": {"type": "string"},
            "model_version": {"type": "string"},
            "id": {"type": "string"},
            "outputs": rows(outputs[0] if len(outputs) == 1 else {"anyOf": outputs}),
        },
    }


def example(row: Any, signature: Signature) -> dict[str, Any] | None:
    """One row as tensors of the names, datatypes and shapes that metadata tells."""
    tensors = signature.check(from_instance(row))
    if len(tensors) > MAX_LISTED:
        return None
    inputs = []
    for name, array in tensors.items():
        values = plain(array.ravel().tolist())
        datatype = "BYTES" if any(isinstance(value, str) for value in values) else "FP64"
        inputs.append({"name": name, "shape": list(array.shape), "datatype": datatype, "data": values})
    return {"inputs": inputs}


def _inputs(signature: Signature) -> Schema:
    """One tensor of all rows, or one for each column."""
    forms = []
    if len(signature.inputs) == 1:
        [spec] = signature.inputs
        forms.append(_exactly(1, [_tensor(datatypes=_DATATYPES[spec.dtype], shape=expected_shape(spec))]))
    if signature.is_named or len(signature.inputs) > 1:
        dtypes = [spec.dtype for spec in signature.inputs] * (len(signature.columns) // len(signature.inputs))
        columns: dict[str, list[str]] = {}
        for name, dtype in zip(signature.columns, dtypes, strict=True):
            columns.setdefault(dtype, []).append(name)
        tensors = [_tensor(names, datatypes=_DATATYPES[dtype]) for dtype, names in columns.items()]
        forms.append(_exactly(len(dtypes), tensors))
    return forms[0] if len(forms) == 1 else {"anyOf": forms}


def _output(output: TensorSpec, signature: Signature) -> Schema:
    tensor = _tensor([output.name], datatypes=[datatype_of(output.dtype)], shape=expected_shape(output))
    labels = classes(signature).get(output.name)
    if labels is not None and (output.shape[-1] or 0) <= MAX_LISTED:
        tensor["properties"]["parameters"] = {"type": "object", "properties": {"classes": {"const": labels}}}
    return tensor


def _exactly(count: int, tensors: list[Schema]) -> Schema:
    items = tensors[0] if len(tensors) == 1 else {"anyOf": tensors}
    return {"type": "array", "minItems": count, "maxItems": count, "items": items}


def _tensor(
    names: Sequence[str] = (), *, datatypes: Sequence[str] = DATATYPES, shape: tuple[int, ...] | None = None
) -> Schema:
    """One tensor: of one of *names*, where they are not too many, and of *shape*, in which -1 is the number of rows."""
    axes: Schema = {"type": "array", "items": {"type": "integer"}}
    if shape is not None:
        told = ", ".join("rows" if axis < 0 else str(axis) for axis in shape)
        axes |= {"description": f"[{told}]", "minItems": len(shape), "maxItems": len(shape)}
    return {
        "type": "object",
        "required": ["name", "shape", "datatype"],
        "properties": {
            "name": {"enum": list(names)} if 0 < len(names) <= MAX_LISTED else {"type": "string"},
            "shape": axes,
            "datatype": {"enum": list(datatypes)},
            "parameters": _PARAMETERS,
            "data": {"description": "Flat in row-major order, or nested like the shape.", "type": "array"},
        },
    }
