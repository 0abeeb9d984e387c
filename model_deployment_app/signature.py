"""What a model takes and gives: names, dtypes, shapes; and the check of a request against it."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .errors import InvalidTensor, quoted
from .tensors import ROWS, Tensors, kind, n_rows

#: Of a deeper nest than this, a message does not tell the shape.
_MAX_TOLD_AXES = 8


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One named array.

    Attributes
    ----------
    name : str
    dtype : str
        NumPy's name; inputs are float64, str, or object for numbers and strings.
    shape : tuple of int or None
        ``None`` is the number of rows.
    columns : tuple of str
        Names of the second axis, where the model was fitted with names.
    """

    name: str
    dtype: str
    shape: tuple[int | None, ...]
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Signature:
    """Inputs, outputs and classes of one model.

    Attributes
    ----------
    inputs : tuple of TensorSpec
        One of shape (None, columns) or, for nested arrays, (None, ...); or one of shape (None,) for each column of a
        mixed table.
    outputs : tuple of TensorSpec
    is_named : bool
        Whether columns may be given by name, in any order.
    classes : tuple of tuple
        Class labels in the order of the probabilities: one tuple for each output; empty for regression.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    is_named: bool = False
    classes: tuple[tuple[Any, ...], ...] = ()

    @property
    def takes_text(self) -> bool:
        return [spec.dtype for spec in self.inputs] == ["str"]

    @property
    def columns(self) -> tuple[str, ...]:
        """Column names in the order of the estimator; their positions where it was fitted without names."""
        [first, *others] = self.inputs
        if others or len(first.shape) == 1:
            return tuple(spec.name for spec in self.inputs)
        return first.columns or tuple(str(position) for position in range(first.shape[1] or 0))

    def check(self, tensors: Tensors) -> Tensors:
        """Bring a request into the form of `inputs`.

        Parameters
        ----------
        tensors : dict of str to ndarray
            Either ``{"instances": rows}``, or one array of shape (rows,) for each named column, in any order.
            JSON ``null`` is NaN in a float64 array and None in an object array.

        Returns
        -------
        dict of str to ndarray
            One for each of `inputs`: float64 as a copy or view, str and object as object arrays.

        Raises
        ------
        InvalidTensor
            If names, widths or types do not fit; the message names the row and the column.
        """
        first, rows = self.inputs[0], tensors.get(ROWS)
        # The common case, and all that it takes: numbers as the model wants them.
        if (
            rows is not None
            and len(tensors) == len(self.inputs) == 1
            and rows.dtype == np.float64
            and first.dtype == "float64"
            and rows.shape[1:] == first.shape[1:]
        ):
            return {first.name: rows}
        if len(first.shape) > 2:
            return {first.name: self._arrays(tensors)}
        columns = self._split(tensors)
        dtypes = [spec.dtype for spec in self.inputs]
        if len(dtypes) == 1 and len(self.inputs[0].shape) == 2:
            numbers = [self._numbers(array, label) for label, array in self._labelled(columns)]
            return {self.inputs[0].name: np.stack(numbers, axis=1)}
        cast = {"float64": self._numbers, "str": _strings, "object": _scalars}
        return {
            spec.name: cast[spec.dtype](array, label)
            for spec, (label, array) in zip(self.inputs, self._labelled(columns), strict=True)
        }

    def instances(self, tensors: Tensors) -> list[Any]:
        """The rows of checked *tensors* as a request would hold them: objects by column name, arrays, or strings."""
        [first, *_] = arrays = list(tensors.values())
        if self.takes_text or first.ndim > 2:
            return first.tolist()
        rows = (
            first.tolist()
            if first.ndim == 2
            else [list(row) for row in zip(*(array.tolist() for array in arrays), strict=True)]
        )
        return [dict(zip(self.columns, row, strict=True)) for row in rows] if self.is_named else rows

    def _split(self, tensors: Tensors) -> np.ndarray | list[np.ndarray]:
        """The columns in order: a table of shape (rows, columns), or one array each."""
        if set(tensors) != {ROWS}:
            return self._by_name(tensors)
        rows = tensors[ROWS]
        if rows.ndim == 2:
            if rows.shape[1] != len(self.columns):
                raise InvalidTensor(f"row 0: expected {self._width()}, got {rows.shape[1]}")
            return rows
        if rows.ndim > 2:
            raise InvalidTensor(f"row 0: expected {self._width()}, got nested arrays of shape {rows.shape[1:]}")
        if self.is_named and self.columns == (ROWS,):
            return self._by_name(tensors)
        if not self.takes_text:
            raise InvalidTensor(f"row 0: expected {self._width()} in an array, got {kind(rows[0])}")
        return [rows]

    def _arrays(self, tensors: Tensors) -> np.ndarray:
        """Rows of more than one axis each, such as images."""
        shape = self.inputs[0].shape[1:]
        if set(tensors) != {ROWS}:
            raise InvalidTensor(f"expected each row as nested arrays of shape {shape}, not as an object")
        rows = tensors[ROWS]
        numbers = np.empty((len(rows), *(axis or 0 for axis in shape)))
        for row, value in enumerate(rows):
            nested = np.array(value.tolist() if isinstance(value, np.ndarray) else value, dtype=object)
            if nested.shape != shape:
                raise InvalidTensor(f"row {row}: expected nested arrays of shape {shape}, got {_form(nested, value)}")
            for number in nested.flat:
                if number is not None and type(number) not in (int, float):
                    raise InvalidTensor(f"row {row}: expected numbers, got {kind(number)}")
            try:
                numbers[row] = nested
            except OverflowError:
                raise InvalidTensor(f"row {row}: expected numbers within float64, got one beyond") from None
        return numbers

    def _by_name(self, tensors: Tensors) -> list[np.ndarray]:
        if not self.is_named:
            raise InvalidTensor(
                f"the estimator was fitted without column names: send each row as {self._width()}, not as an object"
            )
        for label, names in (
            ("missing", [name for name in self.columns if name not in tensors]),
            ("unknown", [name for name in tensors if name not in self.columns]),
        ):
            if names:
                raise InvalidTensor(f"{label} column(s) {_listed(names)}; expected {_listed(self.columns)}")
        rows = n_rows(tensors)
        for name, array in tensors.items():
            if array.shape != (rows,):
                raise InvalidTensor(
                    f"column {quoted(name)}: expected {rows} value(s) like the first column, got {len(array)}"
                )
        return [tensors[name] for name in self.columns]

    def _labelled(self, columns: np.ndarray | list[np.ndarray]) -> list[tuple[str, np.ndarray]]:
        arrays = list(columns.T) if isinstance(columns, np.ndarray) else columns
        labels = [f"column {name!r}" if self.is_named else f"column {name}" for name in self.columns]
        return list(zip(labels, arrays, strict=True))

    def _numbers(self, array: np.ndarray, column: str) -> np.ndarray:
        """As float64. Data frames hold booleans among numbers, so an estimator with column names takes them."""
        if array.dtype == np.float64:
            return array
        kinds = (int, float, bool) if self.is_named else (int, float)
        numbers = np.empty(len(array), dtype=np.float64)
        for row, value in enumerate(array):
            if value is not None and type(value) not in kinds:
                raise InvalidTensor(f"row {row}, {column}: expected a number, got {kind(value)}")
            try:
                numbers[row] = np.nan if value is None else value
            except OverflowError:
                raise InvalidTensor(f"row {row}, {column}: expected a number within float64, got one beyond") from None
        return numbers

    def _width(self) -> str:
        if self.takes_text:
            return "a string"
        return f"{len(self.columns)} value{'s' if len(self.columns) > 1 else ''}"


def _strings(array: np.ndarray, column: str) -> np.ndarray:
    for row, value in enumerate(array):
        if value is not None and type(value) is not str and value == value:  # NaN stands for null
            raise InvalidTensor(f"row {row}, {column}: expected a string, got {kind(value)}")
    return array


def _scalars(array: np.ndarray, column: str) -> np.ndarray:
    for row, value in enumerate(array):
        if isinstance(value, list | dict):
            raise InvalidTensor(f"row {row}, {column}: expected a number or a string, got {kind(value)}")
    return array.astype(object)


def _form(nested: np.ndarray, value: object) -> str:
    """What a row that is no array of the right shape is instead."""
    if not nested.shape:
        return kind(value)
    if nested.ndim > _MAX_TOLD_AXES:
        return f"more than {_MAX_TOLD_AXES} levels"
    if any(isinstance(part, list) for part in nested.flat):
        return "arrays of unequal lengths"
    return f"shape {nested.shape}"


def _listed(names: list[str] | tuple[str, ...], at_most: int = 10) -> str:
    more = len(names) - at_most
    return ", ".join(quoted(name) for name in names[:at_most]) + (f" and {more} more" if more > 0 else "")
