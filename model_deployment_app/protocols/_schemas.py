"""JSON schemas for /openapi.json: of any model, and of the one that is loaded."""

from collections.abc import Sequence
from typing import Any

import orjson

from ..signature import Signature, TensorSpec
from ._instances import dumps, wanted

Schema = dict[str, Any]

#: Of more columns or classes than these, none is named: a page of documentation is read by people.
MAX_LISTED = 200

#: A larger row is no example for anybody.
_MAX_EXAMPLE_VALUES = 5_000

_CELLS: dict[str, Schema] = {
    "float64": {"type": ["number", "null"]},
    "str": {"type": ["string", "null"]},
    "object": {"type": ["number", "string", "null"]},
}

SCALAR = _CELLS["object"]

_ANSWERS = {"f": "number", "i": "integer", "u": "integer", "b": "boolean", "s": "string"}


def instances(signature: Signature | None) -> Schema:
    """A request of the native dialect and of KServe V1."""
    told = (
        "Rows: arrays in the order of the features (nested, for images and sequences), objects by column name, or "
        "strings of text."
    )
    every = {"description": told, **rows(row(signature))}
    return {"type": "object", "required": ["instances"], "properties": {"instances": every}}


def instances_example(row: Any, _: Signature) -> Any:
    return {"instances": [row]}


def row(signature: Signature | None) -> Schema:
    """One row, in whichever form it may come."""
    if signature is None:
        return _any_of([plain_row(None), {"type": "object", "additionalProperties": SCALAR}])
    return _any_of([plain_row(signature), *([_object(signature, _cells(signature))] if signature.is_named else [])])


def plain_row(signature: Signature | None) -> Schema:
    """One row without names: text, the columns in their order, or nested arrays."""
    if signature is None:
        return _any_of([{"type": "string"}, {"type": "array", "items": {"anyOf": [SCALAR, {"type": "array"}]}}])
    if signature.takes_text:
        return {"type": "string"}
    shape = signature.inputs[0].shape[1:]
    if len(shape) > 1:
        nested = _CELLS["float64"]
        for axis in reversed(shape):
            nested = several([nested] * (axis or 0))
        return nested
    cells = _cells(signature)
    if len(cells) > MAX_LISTED or not (signature.is_named or len(signature.inputs) > 1):
        return several(cells)
    titles = [{"title": name} if signature.is_named else {} for name in signature.columns]
    listed = [{**title, **cell} for title, cell in zip(titles, cells, strict=True)]
    return {"type": "array", "minItems": len(cells), "maxItems": len(cells), "prefixItems": listed}


def columns(signature: Signature | None) -> Schema:
    """Rows as one array of values for each column, by name."""
    if signature is None or not signature.is_named:
        return {"type": "object", "additionalProperties": rows(SCALAR)}
    return _object(signature, [rows(cell) for cell in _cells(signature)])


def prediction(signature: Signature | None) -> Schema:
    """What KServe V1 and Seldon answer to one row."""
    if signature is None:
        return {}
    entries = [entry(output, signature) for output in signature.outputs if output.name in wanted(signature)]
    return entries[0] if len(entries) == 1 else several(entries)


def entry(output: TensorSpec, signature: Signature) -> Schema:
    """What one row gets of one output: probabilities by class, a label, a number, or one of these for each target."""
    family, _, number = output.name.partition("-")
    values = scalars(output, signature)
    if len(output.shape) == 1:
        return values[0]
    if family != "probabilities" or not signature.classes or len(values) > MAX_LISTED:
        return several(values)
    labels = plain(signature.classes[int(number or 0)])
    return {"description": f"Of the classes, in this order: {dumps(labels).decode()}", **several(values)}


def scalars(output: TensorSpec, signature: Signature) -> list[Schema]:
    """The values of one row of *output*, one by one."""
    width = 1 if len(output.shape) == 1 else output.shape[1] or 0
    kind = _ANSWERS.get(output.dtype[0])
    value: Schema = {} if kind is None else {"type": kind}
    if output.name != "labels" or len(signature.classes) != width:
        return [value] * width
    return [{"enum": plain(labels)} if len(labels) <= MAX_LISTED else value for labels in signature.classes]


def rows(value: Schema) -> Schema:
    """An array with one *value* a row."""
    return {"type": "array", "minItems": 1, "items": value}


def several(values: Sequence[Schema]) -> Schema:
    """An array with one of *values* at each place: not ``prefixItems``, at which readers of answers still stumble."""
    return {"type": "array", "minItems": len(values), "maxItems": len(values), "items": _any_of(values)}


def plain(value: Any) -> Any:
    """Class labels, or a row, as JSON holds them."""
    return orjson.loads(dumps(value))


def example(row: Any, signature: Signature) -> Any:
    """A row to show; None if nobody would read it. Beyond `MAX_LISTED` columns it is an array, without their names."""
    if isinstance(row, dict) and len(row) > MAX_LISTED:
        row = [row[name] for name in signature.columns]
    return plain(row) if _size(row) <= _MAX_EXAMPLE_VALUES else None


def _size(value: Any) -> int:
    return sum(map(_size, value)) if isinstance(value, list) else 1


def _cells(signature: Signature) -> list[Schema]:
    """One schema for each column of a table."""
    if len(signature.inputs) == 1:
        return [_CELLS[signature.inputs[0].dtype]] * len(signature.columns)
    return [_CELLS[spec.dtype] for spec in signature.inputs]


def _object(signature: Signature, values: Sequence[Schema]) -> Schema:
    """An object with one of *values* for each column."""
    if len(values) > MAX_LISTED:
        widths = {"minProperties": len(values), "maxProperties": len(values)}
        return {"type": "object", **widths, "additionalProperties": _any_of(values)}
    return {
        "type": "object",
        "required": list(signature.columns),
        "properties": dict(zip(signature.columns, values, strict=True)),
        "additionalProperties": False,
    }


def _any_of(schemas: Sequence[Schema]) -> Schema:
    distinct: list[Schema] = []
    for schema in schemas:
        if schema not in distinct:
            distinct.append(schema)
    return distinct[0] if len(distinct) == 1 else {"anyOf": distinct}
