"""Whether a model answers each row by itself, so that rows of several requests can be asked together."""

import time
from collections.abc import Iterator

import numpy as np

from ..predictor import Predictor
from ..tensors import Tensors, concat, n_rows

#: Answers of a row alone and among others may be apart by so much of the largest number among them: matrix products
#: round by the number of their rows. Measured: 0 for trees, 1e-13 for linear models and networks in double precision,
#: 1e-7 for networks in single precision, 1e-5 for Gaussian processes.
TOLERANCE = 1e-5

#: With more rows of a slow model, a start takes too long; with fewer than two, nothing can be said.
_ENOUGH_ROWS = 16
_ENOUGH_S = 2.0


def objection(predictor: Predictor, recorded: Tensors | None) -> str | None:
    """Why requests must not be joined for *predictor*; None if they can be.

    Parameters
    ----------
    predictor : Predictor
    recorded : dict of str to ndarray or None
        Rows that it answers, beside its example; without any, more are made up from the example.
    """
    outputs = [spec.name for spec in predictor.signature.outputs]
    rows: list[Tensors] = []
    alone: list[Tensors] = []
    seen: set[str] = set()
    started = time.monotonic()
    for row in _rows(predictor.example, recorded):
        if len(rows) >= 2 and (len(rows) == _ENOUGH_ROWS or time.monotonic() - started > _ENOUGH_S):
            break
        if (form := repr(predictor.signature.instances(row))) in seen:
            continue
        try:
            alone.append(predictor.answer(_copied(row), outputs))
        except Exception:  # noqa: BLE001 - it is made up
            continue
        seen.add(form)
        rows.append(row)
    if len(rows) < 2:
        return "only one row is known that it answers: publish it with sample rows (mda pack) to have requests batched"
    try:
        together = predictor.answer(concat(rows), outputs)
    except Exception as error:  # noqa: BLE001 - whatever it is, it comes of joining them
        return f"it fails at rows together that it answers alone ({type(error).__name__})"
    expected = concat(alone)
    if odd := [name for name in outputs if not agree(together[name], expected[name])]:
        return f"its {odd[0]} for a row depend on the other rows of a request, or on chance"
    return None


def agree(got: np.ndarray, expected: np.ndarray) -> bool:
    """Whether these are the same answers, but for rounding."""
    if got.shape != expected.shape:
        return False
    if expected.dtype.kind != "f":
        return got.tolist() == expected.tolist()
    return bool(np.allclose(got, expected, rtol=0, atol=TOLERANCE * np.abs(expected).max(initial=0)))


def _rows(example: Tensors, recorded: Tensors | None) -> Iterator[Tensors]:
    if recorded is not None:
        for row in range(n_rows(recorded)):
            yield {name: array[row : row + 1] for name, array in recorded.items()}
    yield example
    if recorded is None or n_rows(recorded) < 2:
        yield from _made_up(example)


def _made_up(example: Tensors) -> Iterator[Tensors]:
    """Rows like *example* of zeros and ones: beyond what a table of a module holds, an index breaks a GPU."""
    for numbers in ([0.0], [1.0], [0.0, 1.0], [1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.5]):
        yield {
            name: np.resize(np.roll(numbers, -position), array.shape) if array.dtype == np.float64 else array
            for position, (name, array) in enumerate(example.items())
        }
    # Of a column of text: an encoder of a table knows no other strings than its own.
    yield {name: array + " " + array if isinstance(array[0], str) else array for name, array in example.items()}


def _copied(tensors: Tensors) -> Tensors:
    return {name: array.copy() for name, array in tensors.items()}  # some estimators write into what they are given
