"""The one inner type: named arrays with an equal first axis, one entry a row."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from .errors import InferenceError, InvalidRequest, InvalidTensor, quoted

Tensors = dict[str, np.ndarray]

#: Name of the one tensor of a request whose rows carry no column names: of shape (rows, columns), or (rows,) for text.
ROWS = "instances"

#: Integers from here on may lose digits in float64.
MAX_EXACT_INTEGER = 2**53


def kind(value: object) -> str:
    """What a JSON value is, for a message that quotes none of it."""
    words = {bool: "a boolean", str: "a string", list: "an array", dict: "an object", type(None): "null"}
    return words.get(type(value), "a number")


def n_rows(tensors: Tensors) -> int:
    """0 for rows that are objects without a key."""
    return len(next(iter(tensors.values()), ()))


def concat(batch: Sequence[Tensors]) -> Tensors:
    """Join requests of the same names, dtypes and trailing shapes along their first axis."""
    return {name: np.concatenate([tensors[name] for tensors in batch]) for name in batch[0]}


def split(tensors: Tensors, rows: Sequence[int]) -> list[Tensors]:
    """Undo `concat`: cut each tensor along its first axis.

    Parameters
    ----------
    tensors : dict of str to ndarray, each of shape (sum(rows), ...)
        What the predictor returned for the whole batch.
    rows : sequence of int
        Rows per request, in the order they were joined.

    Returns
    -------
    list of dict
        One per entry of *rows*; dtypes unchanged, arrays are views.

    Raises
    ------
    InferenceError
        If the first axis is not ``sum(rows)`` long.
    """
    total = sum(rows)
    for name, array in tensors.items():
        if array.shape[:1] != (total,):
            raise InferenceError(f"{name}: expected {total} row(s), the model answered shape {array.shape}")
    ends = list(accumulate(rows))
    return [
        {name: array[end - count : end] for name, array in tensors.items()}
        for end, count in zip(ends, rows, strict=True)
    ]


def from_values(values: Iterable[object]) -> np.ndarray:
    """Make one column, without the guesses of ``np.array`` (which turns ``[1, "a"]`` into two strings).

    Parameters
    ----------
    values : iterable of object
        What JSON can hold: one value a row.

    Returns
    -------
    ndarray of shape (rows,)
        float64 where every value is a number or None (as NaN), else object, the values untouched. Integers
        that float64 does not hold stay objects too.
    """
    values = list(values)
    if set(map(type, values)) - {type(None)} <= {int, float} and any(value is not None for value in values):
        try:
            column = np.array(values, dtype=np.float64)
        except OverflowError:
            column = np.array([np.inf])
        if not (np.abs(column) >= MAX_EXACT_INTEGER).any():
            return column
    return np.fromiter(values, dtype=object, count=len(values))


def from_rows(rows: list[list[object]]) -> np.ndarray:
    """Make a table of equally long rows; object dtype, the values untouched.

    Returns
    -------
    ndarray of shape (rows, columns), dtype object
    """
    cells = (value for row in rows for value in row)
    width = len(rows[0])
    return np.fromiter(cells, dtype=object, count=len(rows) * width).reshape(len(rows), width)


def from_instances(instances: object) -> Tensors:
    """Make tensors of rows as JSON holds them.

    Parameters
    ----------
    instances : list of list, of dict, or of scalars
        All rows of one form; dicts of the same keys.

    Returns
    -------
    dict of str to ndarray
        ``{"instances": …}`` of shape (rows, columns), object dtype, or (rows,) for scalars; one array of
        shape (rows,) for each key of dicts.

    Raises
    ------
    InvalidRequest
        If it is no list, or is empty.
    InvalidTensor
        If a row differs in form from row 0; the message names both.
    """
    if not isinstance(instances, list):
        raise InvalidRequest(f"instances: expected an array of rows, got {kind(instances)}")
    if not instances:
        raise InvalidRequest("instances: expected at least one row, got none")
    first = instances[0]
    for row, instance in enumerate(instances):
        if _form(instance) is not _form(first):
            raise InvalidTensor(f"row {row}: expected {kind(first)} like row 0, got {kind(instance)}")
    if isinstance(first, list):
        for row, instance in enumerate(instances):
            if len(instance) != len(first):
                raise InvalidTensor(f"row {row}: expected {len(first)} value(s) like row 0, got {len(instance)}")
        return {ROWS: from_rows(instances)}
    if isinstance(first, dict):
        if not first:
            raise InvalidTensor("row 0: expected a value for each column, got an empty object")
        for row, instance in enumerate(instances):
            for fault in _key_faults(first, instance):
                raise InvalidTensor(f"row {row}: {fault}")
        return {name: from_values(instance[name] for instance in instances) for name in first}
    return {ROWS: from_values(instances)}


def _form(instance: object) -> type:
    return type(instance) if isinstance(instance, list | dict) else object


def _key_faults(first: dict[str, Any], instance: dict[str, Any]) -> Iterator[str]:
    if instance.keys() != first.keys():
        yield from (f"missing column {quoted(name)}, which row 0 has" for name in first if name not in instance)
        yield from (f"column {quoted(name)}, which row 0 does not have" for name in instance if name not in first)
