"""Numbers of JSON straight into NumPy, without an object of Python for each.

None of these functions refuses anything: what they do not read, a parser that can tell what is wrong with it does.
"""

import codecs
from typing import Any

import numpy as np
import simdjson

#: What simdjson raises at text that is no JSON, or too deep, and at a value that is no number or a larger one.
_UNREAD = (ValueError, RuntimeError, TypeError, AttributeError)

#: Below, what it costs to begin is more than is won.
_WORTH_BYTES = 1000


def table(body: bytes) -> np.ndarray | None:
    """The rows of ``{"instances": [[number, …], …]}``.

    Returns
    -------
    ndarray of shape (rows, columns), float64, or None
        None for anything else: other keys, null, rows of unequal lengths or none, more axes, numbers beyond float64.
    """
    if len(body) < _WORTH_BYTES or body.startswith(codecs.BOM_UTF8):
        return None
    try:
        document: Any = simdjson.Parser().parse(body)
        if list(document.keys()) != ["instances"]:
            return None
        rows = document["instances"]
        widths = set(map(len, rows))
        numbers = np.frombuffer(rows.as_buffer(of_type="d"))
    except _UNREAD:
        return None
    # The buffer is flat, however deep the arrays are; there is no bracket in a number.
    if len(widths) > 1 or not numbers.size or body.count(b"[") != len(rows) + 1:
        return None
    return numbers.reshape(len(rows), -1)


def flat(text: bytes) -> np.ndarray | None:
    """A flat array of numbers, of shape (numbers,), float64; None for anything else, null among them too."""
    if len(text) < _WORTH_BYTES or text.count(b"[") != 1:
        return None
    try:
        array: Any = simdjson.Parser().parse(text)
        return np.frombuffer(array.as_buffer(of_type="d"))
    except _UNREAD:
        return None
