"""The one inner type: named arrays with an equal first axis, one entry a row."""

from collections.abc import Iterable

import numpy as np

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
    return len(next(iter(tensors.values())))


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
