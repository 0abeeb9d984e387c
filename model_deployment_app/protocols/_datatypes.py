"""Datatypes of the Open Inference Protocol <-> NumPy, and tensors as raw bytes.

References
----------
KServe, "Open Inference Protocol", tensor data types; Triton, "Binary tensor data extension".
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import InvalidRequest, InvalidTensor, quoted

#: What NumPy has too, by its codes.
_CODES = {
    "BOOL": "b1",
    "UINT8": "u1",
    "UINT16": "u2",
    "UINT32": "u4",
    "UINT64": "u8",
    "INT8": "i1",
    "INT16": "i2",
    "INT32": "i4",
    "INT64": "i8",
    "FP16": "f2",
    "FP32": "f4",
    "FP64": "f8",
}

#: BYTES is text; BF16, the upper half of FP32, comes as raw bytes alone.
DATATYPES = (*_CODES, "BF16", "BYTES")

#: What datatype an array of numbers is answered as. Of FP16, JSON clients make little.
_ANSWERED = {code: datatype for datatype, code in _CODES.items()} | {"f2": "FP32"}

#: An image has four; more than a message tells would be nobody's rows.
MAX_AXES = 8

_LENGTH_BYTES = 4


def datatype_of(dtype: np.dtype | str) -> str:
    """What an array, or a `TensorSpec`, of this dtype is called: numbers by their size, anything else BYTES."""
    found = np.dtype(dtype)
    if found.kind == "f" and found.itemsize > 8:
        return "FP64"
    return _ANSWERED.get(f"{found.kind}{found.itemsize}", "BYTES")


def as_datatype(array: np.ndarray, datatype: str) -> np.ndarray:
    """*array* in the dtype of *datatype*, contiguous and little-endian; BYTES as an object array of str."""
    if datatype == "BYTES":
        return np.asarray(np.frompyfunc(str, 1, 1)(array), dtype=object)
    return np.ascontiguousarray(array, dtype=_dtype(datatype))


def check(datatype: str, shape: Sequence[int], name: str) -> int:
    """How many values a tensor of this datatype and shape has.

    Raises
    ------
    InvalidRequest
        If there is no such datatype.
    InvalidTensor
        If the shape has no axis, too many, or one without values.
    """
    if datatype not in DATATYPES:
        raise InvalidRequest(
            f"input {quoted(name)}: expected a datatype of {', '.join(DATATYPES)}, got {quoted(datatype)}"
        )
    if not 1 <= len(shape) <= MAX_AXES:
        raise InvalidTensor(f"input {quoted(name)}: expected a shape of 1 to {MAX_AXES} axes, got {len(shape)}")
    if min(shape) < 1:
        raise InvalidTensor(f"input {quoted(name)}: expected at least one value on each axis, got shape {tuple(shape)}")
    return math.prod(shape)  # Python's integers: no product overflows


def from_values(values: Sequence[Any] | np.ndarray, datatype: str, shape: Sequence[int], name: str) -> np.ndarray:
    """Make a tensor of Python values.

    Parameters
    ----------
    values : sequence or ndarray
        Flat in row-major order, or nested like *shape*. Each is of the Python type of *datatype* (bool, int, float or
        str), or None among floats and strings: who parses has seen to that. An array is flat, float64.
    datatype : str
    shape : sequence of int
    name : str
        Of the tensor, for messages.

    Returns
    -------
    ndarray of *shape*
        None is NaN among floats.

    Raises
    ------
    InvalidRequest
        If there is no such datatype, or it has no values but raw bytes.
    InvalidTensor
        If there are not as many values as *shape* asks for, or one is beyond *datatype*.
    """
    count = check(datatype, shape, name)
    if datatype == "BF16":
        raise InvalidRequest(f"input {quoted(name)}: expected BF16 as binary data, got values: send them as FP32")
    try:
        with np.errstate(over="ignore"):
            # Through FP64, whose NaN stands for None in any case.
            array = np.array(values, dtype=np.float64 if datatype.startswith("FP") else _dtype(datatype))
            tensor = array.astype(_dtype(datatype), copy=False)
    except OverflowError:
        raise InvalidTensor(f"input {quoted(name)}: expected {datatype}, got a number beyond it") from None
    except ValueError:
        raise InvalidTensor(f"input {quoted(name)}: expected arrays of equal lengths, got others") from None
    is_nested = len(values) > 0 and isinstance(values[0], list)
    if tensor.shape != (tuple(shape) if is_nested else (count,)):
        got = f"an array of shape {tensor.shape}" if is_nested else f"{len(values)}"
        raise InvalidTensor(f"input {quoted(name)}: expected {count} values for shape {tuple(shape)}, got {got}")
    if tensor is not array and (np.isinf(tensor) & ~np.isinf(array)).any():
        raise InvalidTensor(f"input {quoted(name)}: expected {datatype}, got a number beyond it")
    return tensor.reshape(shape)


def from_raw(content: bytes | memoryview, datatype: str, shape: Sequence[int], name: str) -> np.ndarray:
    """Make a tensor of raw bytes.

    Parameters
    ----------
    content : bytes or memoryview
        Little-endian, in row-major order, nothing between; of BYTES, each element behind its length in four bytes.
    datatype : str
    shape : sequence of int
    name : str
        Of the tensor, for messages.

    Returns
    -------
    ndarray of *shape*
        A view of *content*; float32 for BF16, an object array of str for BYTES.

    Raises
    ------
    InvalidRequest
        If there is no such datatype, or *content* is longer or shorter than *shape* asks for.
    InvalidTensor
        If an element is none of *datatype*.
    """
    count = check(datatype, shape, name)
    if datatype == "BYTES":
        return _texts(memoryview(content), count, name).reshape(shape)
    expected = count * (2 if datatype == "BF16" else _dtype(datatype).itemsize)
    if len(content) != expected:
        raise InvalidRequest(
            f"input {quoted(name)}: expected {expected} bytes of {datatype} for shape {tuple(shape)}, "
            f"got {len(content)}"
        )
    if datatype == "BF16":
        halves = np.frombuffer(content, dtype="<u2").astype("<u4")
        return (halves << 16).view("<f4").reshape(shape)
    if datatype == "BOOL" and (np.frombuffer(content, dtype=np.uint8) > 1).any():
        raise InvalidTensor(f"input {quoted(name)}: expected bytes of 0 or 1 for BOOL, got another")
    return np.frombuffer(content, dtype=_dtype(datatype)).reshape(shape)


def to_raw(array: np.ndarray, datatype: str) -> bytes:
    """The bytes that `from_raw` reads."""
    if datatype != "BYTES":
        return as_datatype(array, datatype).tobytes()
    encoded = [text.encode() for text in as_datatype(array, datatype).flat]
    return b"".join(len(text).to_bytes(_LENGTH_BYTES, "little") + text for text in encoded)


def text(element: bytes, position: int, name: str) -> str:
    """One element of a tensor of BYTES."""
    try:
        return element.decode()
    except UnicodeDecodeError:
        raise InvalidTensor(f"input {quoted(name)}: element {position}: expected UTF-8 text, got other bytes") from None


def _texts(content: memoryview, count: int, name: str) -> np.ndarray:
    texts: list[str] = []
    start = 0
    while start < len(content):
        head = start + _LENGTH_BYTES
        end = head + int.from_bytes(content[start:head], "little")
        if end > len(content) or head > len(content):
            raise InvalidRequest(
                f"input {quoted(name)}: element {len(texts)}: expected {end - start} bytes, length included, "
                f"got {len(content) - start}"
            )
        texts.append(text(bytes(content[head:end]), len(texts), name))
        start = end
    if len(texts) != count:
        raise InvalidRequest(f"input {quoted(name)}: expected {count} elements of BYTES, got {len(texts)}")
    return np.array(texts, dtype=object)


def _dtype(datatype: str) -> np.dtype:
    return np.dtype(object) if datatype == "BYTES" else np.dtype(f"<{_CODES[datatype]}")
