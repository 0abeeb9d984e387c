"""From checked tensors to what an estimator was fitted on."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..tensors import Tensors


@dataclass(frozen=True, slots=True)
class Table:
    """Makes an estimator's input.

    Attributes
    ----------
    names : tuple of str or None
        Column names that the estimator was fitted with: it gets a data frame; else an array.
    none_columns : frozenset of str
        Columns in which a missing string is None and not NaN, since an encoder has learnt it so.
    takes_text : bool
        The input is one column of text, and no table.
    """

    names: tuple[str, ...] | None
    none_columns: frozenset[str] = frozenset()
    takes_text: bool = False

    def build(self, inputs: Tensors) -> Any:
        """Join *inputs*: one array of shape (rows, columns) or (rows, ...), or one of shape (rows,) for each column.

        Returns
        -------
        DataFrame or ndarray of shape (rows, columns), ndarray of shape (rows, ...), or of shape (rows,) for text
        """
        [first, *_] = inputs.values()
        if self.takes_text:
            return first
        if self.names is None:
            if first.ndim > 1:
                return first
            return np.stack([self._nulls(name, array) for name, array in inputs.items()], axis=1)
        from pandas import DataFrame, Series  # only estimators with column names pay for pandas

        if first.ndim == 2:
            return DataFrame(first, columns=list(self.names))
        # The dtype is given, or pandas would turn None and NaN into one another.
        return DataFrame({name: Series(self._nulls(name, array), dtype=array.dtype) for name, array in inputs.items()})

    def _nulls(self, name: str, array: np.ndarray) -> np.ndarray:
        if array.dtype != object or name in self.none_columns:
            return array
        return np.array([np.nan if value is None else value for value in array], dtype=object)
