"""What an inference request of the Open Inference Protocol says, over REST and gRPC alike."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ..engine.revision import Revision
from ..errors import InvalidRequest, InvalidTensor, quoted
from ..signature import Signature, TensorSpec
from ..tensors import MAX_EXACT_INTEGER, ROWS, Tensors
from ._datatypes import as_datatype, datatype_of
from ._instances import dumps


@dataclass(frozen=True, slots=True)
class InputTensor:
    """One input of a request.

    Attributes
    ----------
    name, datatype : str
    shape : tuple of int
    values : ndarray of *shape*
        As `_datatypes.from_raw` and `_datatypes.from_values` make it.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]
    values: np.ndarray


@dataclass(frozen=True, slots=True)
class OutputTensor:
    """One output of an answer.

    Attributes
    ----------
    name, datatype : str
    shape : tuple of int
    values : ndarray of *shape*
        In the dtype of *datatype*; an object array of str for BYTES.
    parameters : dict of str to str
        ``classes`` of probabilities: the labels of their columns, as a JSON array.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]
    values: np.ndarray
    parameters: dict[str, str] = field(default_factory=dict)


def inputs(tensors: Sequence[InputTensor], signature: Signature) -> Tensors:
    """Make the inputs of a request what `Signature.check` takes.

    Parameters
    ----------
    tensors : sequence of InputTensor
        One table of rows, whatever its name; or one tensor of shape (rows,) or (rows, 1) for each named column, in any
        order; or one of shape (rows,) for a column of text, whatever its name.
    signature : Signature

    Returns
    -------
    dict of str to ndarray
        float64, where that holds every value; else object arrays of Python's own values.

    Raises
    ------
    InvalidRequest
        If there is no tensor, or one is there twice.
    InvalidTensor
        If shapes do not fit the model, or one another.
    """
    names = [tensor.name for tensor in tensors]
    if not names:
        raise InvalidRequest("inputs: expected at least one tensor, got none")
    _refuse_twice("inputs", names)
    [first, *others] = tensors
    # An array of numbers and strings has no names but the positions that its metadata tells.
    named = signature.columns if signature.is_named or len(signature.inputs[0].shape) == 1 else ()
    if not others and (len(first.shape) > 1 or signature.takes_text or first.name not in named):
        return {ROWS: _table(first, signature)}
    if not signature.is_named and set(names) != set(named):
        raise InvalidTensor(
            f"inputs: expected one of shape {_rows(signature)}, since the estimator was fitted without column names, "
            f"got {len(names)}"
        )
    for tensor in tensors:
        if tensor.shape not in ((first.shape[0],), (first.shape[0], 1)):
            raise _misshapen(tensor, f"({first.shape[0]},), one value a row,")
    columns = {tensor.name: _plain(tensor.values.ravel()) for tensor in tensors}
    if signature.is_named:
        return columns
    return {ROWS: np.stack([columns[name].astype(object) for name in named], axis=1)}


def outputs(revision: Revision, requested: Sequence[str] | None) -> list[str]:
    """Names of the outputs to compute, in the order of the answer: those *requested*, or all there are.

    Raises
    ------
    InvalidRequest
        If the model has no output of such a name, or it is requested twice.
    """
    there = [spec.name for spec in revision.signature.outputs]
    if not requested:
        return there
    for name in requested:
        if name not in there:
            raise InvalidRequest(f"outputs: expected {', '.join(there)}, got {quoted(name)}")
    _refuse_twice("outputs", requested)
    return list(requested)


def answer(revision: Revision, names: Sequence[str], computed: Tensors) -> list[OutputTensor]:
    """The outputs of these names, out of what the model has *computed*."""
    labels = classes(revision.signature)
    tensors = []
    for name in names:
        datatype = datatype_of(computed[name].dtype)
        values = as_datatype(computed[name], datatype)
        parameters = {"classes": labels[name]} if name in labels else {}
        tensors.append(OutputTensor(name, datatype, values.shape, values, parameters))
    return tensors


def expected_shape(spec: TensorSpec) -> tuple[int, ...]:
    """The shape of *spec*, as metadata tells it: -1 is the number of rows."""
    return tuple(-1 if axis is None else axis for axis in spec.shape)


def classes(signature: Signature) -> dict[str, str]:
    """The labels of the columns of each output of probabilities, as a JSON array."""
    names = [spec.name for spec in signature.outputs if spec.name.startswith("probabilities")]
    # An estimator may tell no classes, or be asked for none of their probabilities.
    return {name: dumps(list(labels)).decode() for name, labels in zip(names, signature.classes, strict=False)}


def _table(tensor: InputTensor, signature: Signature) -> np.ndarray:
    """All rows in one: of several axes each, of one value for each column, or of one text."""
    expected = _rows(signature)
    if tensor.shape[1:] != expected[1:] and not (signature.takes_text and tensor.shape[1:] == (1,)):
        raise _misshapen(tensor, expected)
    return _plain(tensor.values)


def _rows(signature: Signature) -> tuple[int, ...]:
    """The shape of all rows in one tensor."""
    first = signature.inputs[0]
    is_whole = len(first.shape) > 1 or signature.takes_text
    return expected_shape(first) if is_whole else (-1, len(signature.columns))


def _misshapen(tensor: InputTensor, expected: object) -> InvalidTensor:
    return InvalidTensor(f"input {quoted(tensor.name)}: expected shape {expected}, got {tensor.shape}")


def _plain(values: np.ndarray) -> np.ndarray:
    """As JSON would have been read: float64 where that is exact, else Python's own values."""
    if values.dtype.kind == "f":
        return np.require(values, np.float64, ["A", "W"])  # a copy of raw bytes: estimators write into their input
    if values.dtype.kind in "iu" and -MAX_EXACT_INTEGER < int(values.min()) <= int(values.max()) < MAX_EXACT_INTEGER:
        return values.astype(np.float64)
    return values.astype(object)


def _refuse_twice(where: str, names: Sequence[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise InvalidRequest(f"{where}: expected each name once, got {quoted(name)} more than once")
        seen.add(name)
