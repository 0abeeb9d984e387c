"""Finds the value that an estimator refuses, by asking it again with fewer rows and with known good columns.

The estimator's own message says little (`Input X contains NaN`) and may quote data. That a row fails
alone, and passes once one column is replaced, is proof that the client's value is at fault and not the model.
"""

from collections.abc import Callable

import numpy as np

from ..tensors import Tensors, n_rows

Refuses = Callable[[Tensors], bool]


def find_fault(refuses: Refuses, inputs: Tensors, witness: Tensors) -> tuple[int, str, int | None] | None:
    """Find one refused value in about ``2 log2(rows) + log2(columns)`` calls.

    Parameters
    ----------
    refuses : callable
        Whether the estimator fails at such inputs.
    inputs : dict of str to ndarray
        What it failed at.
    witness : dict of str to ndarray
        One row that it accepts, in the same form.

    Returns
    -------
    row : int
    name : str
        Of the tensor.
    position : int or None
        Along the tensor's second axis, where it has one.

        None in place of the three if no single row is to blame, or the witness is refused as well.
    """
    if refuses(witness):
        return None
    low, high = 0, n_rows(inputs)
    while high - low > 1:
        middle = (low + high) // 2
        if refuses(_rows(inputs, low, middle)):
            high = middle
        elif refuses(_rows(inputs, middle, high)):
            low = middle
        else:
            return None
    row = _rows(inputs, low, high)
    if not refuses(row):
        return None
    columns = [
        (name, position)
        for name, array in row.items()
        for position in (range(array.shape[1]) if array.ndim == 2 else [None])
    ]
    # With no column of the row the witness passes, with all of them it fails: find where it turns.
    passes, fails = 0, len(columns)
    while fails - passes > 1:
        middle = (passes + fails) // 2
        if refuses(_mixed(row, witness, columns[:middle])):
            fails = middle
        else:
            passes = middle
    return low, *columns[fails - 1]


def _rows(inputs: Tensors, low: int, high: int) -> Tensors:
    return {name: array[low:high] for name, array in inputs.items()}


def _mixed(row: Tensors, witness: Tensors, columns: list[tuple[str, int | None]]) -> Tensors:
    """The witness with these columns of the row."""
    mixed = {name: np.array(array) for name, array in witness.items()}
    for name, position in columns:
        if position is None:
            mixed[name] = row[name]
        else:
            mixed[name][:, position] = row[name][:, position]
    return mixed
