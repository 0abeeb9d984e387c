"""Which columns an estimator takes, of which dtypes, and one row that it is known to answer: the witness.

A pickle does not record it. Fitted encoders tell what they have learnt; for the rest the estimator is asked: a
column in which a string is answered is one that takes strings.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from ..errors import InvalidTensor, UnservableEstimator
from ..signature import Signature, TensorSpec
from ..tensors import MAX_EXACT_INTEGER, ROWS, Tensors
from ._columns import Learnt, learnt
from ._table import Table

#: Values to try in columns of which nothing is known; 0 is outside the domain of a logarithm.
_GUESSES = (0.0, 1.0, 0.5, "a")

#: Wider tables are not asked column by column whether they take strings; ``config.example`` tells.
_MAX_ASKED_COLUMNS = 256

#: Of more unknown columns than these, not every mixture of numbers and strings is tried.
_MAX_MIXED_COLUMNS = 8

Accepts = Callable[[list[Any]], bool]


@dataclass(frozen=True, slots=True)
class Inputs:
    """What was found out.

    Attributes
    ----------
    specs : tuple of TensorSpec
        For the signature.
    table : Table
        Joins tensors of these specs.
    witness : dict of str to ndarray
        One row in the form of *specs*.
    """

    specs: tuple[TensorSpec, ...]
    table: Table
    witness: Tensors


def discover(estimator: Any, *, input_size: int | None, example: Tensors | None) -> Inputs:
    """Find out what *estimator* takes.

    Parameters
    ----------
    estimator : sklearn.base.BaseEstimator
        Fitted, with a ``predict``.
    input_size : int or None
        What the config says; checked.
    example : dict of str to ndarray, or None
        A row to use as the witness, as a request would hold it; made up where it is None.

    Raises
    ------
    UnservableEstimator
        If *estimator* is not fitted, contradicts *input_size*, or answers no row that can be made up.
    """
    if example is not None and (row := _array(example)) is not None:
        return _nested(row, input_size)
    names = _names(estimator, example)
    known = learnt(estimator, names)
    fitted_width = getattr(estimator, "n_features_in_", None)
    if known.is_text and fitted_width is None:
        return _text(known.values[0][0], input_size, example)
    if fitted_width is None and names is not None:
        fitted_width = len(names)
    width = _width(estimator, fitted_width, input_size, names, example)
    labels = names or tuple(str(position) for position in range(width))
    table = Table(names, frozenset(labels[position] for position in known.nones))
    refusals: list[Exception] = []

    def accepts(row: list[Any]) -> bool:
        # A null says nothing of its column; what was learnt there may.
        examples = [known.values.get(i, []) if _is_missing(value) else [value] for i, value in enumerate(row)]
        present = [[each for each in some if not _is_missing(each)] for some in examples]
        specs = _specs(labels, [_dtype(some, is_learnt=i in known.values) for i, some in enumerate(present)])
        try:
            answer = np.asarray(estimator.predict(table.build(_one_row(specs, row))))
            if answer.dtype.kind == "f" and not np.isfinite(answer).all():
                raise ValueError("the answer is not finite")
        except Exception as error:  # noqa: BLE001 - whatever it raises, it does not take this row
            refusals.append(error)
            return False
        return True

    if example is not None:
        anything = Signature(tuple(TensorSpec(label, "object", (None,)) for label in labels), (), names is not None)
        witness = [array[0] for array in _checked(anything, example).values()]
        if not accepts(witness):
            message = f"the estimator does not take config.example: {told(refusals[-1])}"
            raise UnservableEstimator(message) from refusals[-1]
    elif (made_up := _find_witness(width, known, accepts)) is not None:
        witness = made_up
    else:
        raise UnservableEstimator(
            f"the estimator answers no row that could be made up ({told(refusals[0])}): if it does answer real rows, "
            "give one as config.example"
        ) from refusals[0]
    # An array holds strings only if an encoder has learnt them, or the example shows them.
    may_hold_strings = names is not None and width <= _MAX_ASKED_COLUMNS
    dtypes = _dtypes(witness, known, accepts if may_hold_strings else None)
    if set(dtypes) == {"float64"}:
        spec = TensorSpec("input-0", "float64", (None, width), names or ())
        return Inputs((spec,), table, {spec.name: np.array([witness], dtype=np.float64)})
    specs = _specs(labels, dtypes)
    return Inputs(specs, table, _one_row(specs, witness))


def told(error: BaseException) -> str:
    """What a model raised, for the operator: one line, and not a page of it."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:500]


def _specs(labels: tuple[str, ...], dtypes: list[str]) -> tuple[TensorSpec, ...]:
    return tuple(TensorSpec(label, dtype, (None,)) for label, dtype in zip(labels, dtypes, strict=True))


def _names(estimator: Any, example: Tensors | None) -> tuple[str, ...] | None:
    """What the estimator calls its columns; a transformer of somebody's own may not tell, but the example does."""
    names = getattr(estimator, "feature_names_in_", None)
    if names is not None:
        return tuple(str(name) for name in names)
    if hasattr(estimator, "n_features_in_") or example is None or ROWS in example:
        return None
    return tuple(example)


def _width(
    estimator: BaseEstimator,
    fitted: int | None,
    input_size: int | None,
    names: tuple[str, ...] | None,
    example: Tensors | None,
) -> int:
    if fitted is None and not _is_fitted(estimator):
        raise UnservableEstimator(f"{type(estimator).__name__} is not fitted: call fit before you save it")
    width = fitted or input_size
    if width is None and example is not None and ROWS in example and example[ROWS].ndim == 2:
        width = example[ROWS].shape[1]
    if not width:
        raise UnservableEstimator(
            f"{type(estimator).__name__} does not tell how many columns it takes: set config.inputSize, or give a row "
            "as config.example"
        )
    if input_size not in (None, width):
        names_hint = f" ({', '.join(names[:20])})" if names else ""
        raise UnservableEstimator(
            f"config.inputSize is {input_size}, but the estimator was fitted with {width} features{names_hint}: "
            f"set inputSize: {width}"
        )
    return width


def _array(example: Tensors) -> np.ndarray | None:
    """The row, of shape (1, ...), if it has more than one axis: as the fast decoder or as `from_instances` makes it."""
    row = example.get(ROWS)
    if row is None or row.ndim < 2 or (row.ndim == 2 and not (row.size and isinstance(row.flat[0], list))):
        return None
    try:
        return np.array(row.tolist(), dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise UnservableEstimator(
            "config.example does not fit the estimator: row 0: expected numbers in nested arrays of equal lengths"
        ) from error


def _nested(row: np.ndarray, input_size: int | None) -> Inputs:
    if input_size not in (None, row.size):
        raise UnservableEstimator(
            f"config.inputSize is {input_size}, but config.example holds {row.size} values: set inputSize: {row.size}"
        )
    spec = TensorSpec("input-0", "float64", (None, *row.shape[1:]))
    return Inputs((spec,), Table(None), {spec.name: row})


def _text(word: str, input_size: int | None, example: Tensors | None) -> Inputs:
    if input_size not in (None, 1):
        raise UnservableEstimator(
            f"config.inputSize is {input_size}, but the estimator takes one column of text: set inputSize: 1"
        )
    specs = (TensorSpec("text", "str", (None,)),)
    witness = {"text": np.array([word], dtype=object)} if example is None else _checked(Signature(specs, ()), example)
    return Inputs(specs, Table(None, takes_text=True), witness)


def _checked(signature: Signature, example: Tensors) -> Tensors:
    try:
        return signature.check(example)
    except InvalidTensor as error:
        raise UnservableEstimator(f"config.example does not fit the estimator: {error}") from error


def _is_fitted(estimator: BaseEstimator) -> bool:
    try:
        check_is_fitted(estimator)
    except NotFittedError:
        return False
    return True


def _find_witness(width: int, known: Learnt, accepts: Accepts) -> list[Any] | None:
    """Make up one row: columns with learnt values take one of these, the others a number, or else a string."""
    free = [position for position in range(width) if position not in known.values]
    fillings: list[list[Any]] = [[guess] * len(free) for guess in _GUESSES]
    if len(free) <= _MAX_MIXED_COLUMNS:
        fillings += [list(mixed) for mixed in product((1.0, "a"), repeat=len(free))]
    picks = range(2) if known.values else range(1)
    for filling, pick in product(fillings, picks):
        row = [_pick(known.values.get(position, [None]), pick) for position in range(width)]
        for position, value in zip(free, filling, strict=True):
            row[position] = value
        if accepts(row):
            return row
    return None


def _pick(values: list[Any], position: int) -> Any:
    present = [value for value in values if not _is_missing(value)] or [0.0]
    return present[min(position, len(present) - 1)]


def _dtypes(witness: list[Any], known: Learnt, accepts: Accepts | None) -> list[str]:
    """What each column takes: *known* decides, then *accepts* (None: do not ask), then the witness."""
    dtypes: list[str] = []
    for position, value in enumerate(witness):
        examples = [each for each in known.values.get(position, [value]) if not _is_missing(each)]
        if position not in known.values and accepts is not None:
            other = 0.0 if isinstance(value, str) else "a"
            if accepts([*witness[:position], other, *witness[position + 1 :]]):
                examples.append(other)
        dtypes.append(_dtype(examples, is_learnt=position in known.values))
    return dtypes


def _dtype(examples: list[Any], *, is_learnt: bool) -> str:
    if all(isinstance(example, str) for example in examples):
        return "str" if examples else "float64"
    if all(_is_number(example, is_learnt=is_learnt) for example in examples):
        return "float64"
    return "object"


def _is_number(value: Any, *, is_learnt: bool) -> bool:
    """Whether float64 stands for *value*: not for what was learnt as a Python object, nor for long integers."""
    if is_learnt and not isinstance(value, np.generic):
        return False
    return not isinstance(value, str) and abs(float(value)) < MAX_EXACT_INTEGER


def _is_missing(value: Any) -> bool:
    return value is None or value != value


def _one_row(specs: tuple[TensorSpec, ...], row: list[Any]) -> Tensors:
    """One row as one array for each column."""
    return {
        spec.name: np.array([_plain(value)], dtype=np.float64 if spec.dtype == "float64" else object)
        for spec, value in zip(specs, row, strict=True)
    }


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
