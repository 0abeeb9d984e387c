"""V2 requests with raw bytes that no client should send: the same for the same seed."""

import json
import struct
from collections.abc import Iterator
from random import Random
from typing import Any

from .malformed import Body, spoilt


def _binary(name: str, datatype: str, shape: list[int], content: bytes) -> tuple[dict[str, Any], bytes]:
    tensor = {"name": name, "shape": shape, "datatype": datatype, "parameters": {"binary_data_size": len(content)}}
    return tensor, content


#: Inputs of V2 as raw bytes, to spoil.
_BINARY = [
    [_binary("x", "FP64", [2, 4], struct.pack("<8d", 5.1, 3.5, 1.4, 0.2, 6.2, 2.9, 4.3, 1.3))],
    [_binary("x", "BYTES", [2], b"\x0a\0\0\0a good car\x0a\0\0\0a bad boat")],
    [_binary("x", "FP32", [1, 1, 3, 4], struct.pack("<12f", *range(12)))],
    [
        _binary("age", "UINT8", [2], b"\x29\x17"),
        _binary("city", "BYTES", [2], b"\x04\0\0\0Bonn\x03\0\0\0Ulm"),
        _binary("income", "BF16", [2, 1], b"\x52\x42\x19\x42"),
        _binary("sex", "BYTES", [2], b"\x01\0\0\0f\x01\0\0\0m"),
    ],
]

_LENGTHS = {
    "none": b"",
    "zero": b"0",
    "one": b"1",
    "negative": b"-1",
    "plus": b"+1",
    "decimal": b"1.5",
    "exponent": b"1e2",
    "hexadecimal": b"0x10",
    "two": b"1, 2",
    "words": b"all of it",
    "int64 + 1": b"9223372036854775808",
    "5000 digits": b"9" * 5000,
    "zeros": b"0" * 5000 + b"9",
    "not ASCII": b"\xb2",
}


def raw_bodies(seed: int) -> Iterator[tuple[str, bytes, bytes]]:
    """Spoil V2 requests whose inputs are raw bytes: every field, the length of the JSON, and the bytes.

    Yields
    ------
    label : str
    length : bytes
        For ``Inference-Header-Content-Length``.
    body : bytes
    """
    random = Random(seed)
    for form, tensors in enumerate(_BINARY):
        good = {"inputs": [tensor for tensor, _ in tensors]}
        document, content = json.dumps(good).encode(), b"".join(content for _, content in tensors)
        for label, changed in spoilt(good, random):
            yield f"request {form}: {label}", str(len(changed)).encode(), changed + content
        lengths = _LENGTHS | {f"{by:+}": str(len(document) + by).encode() for by in (-1, 1, len(content))}
        for label, length in lengths.items():
            yield f"request {form}: length {label}", length, document + content
        length = str(len(document)).encode()
        for label, changed in _spoilt_content(content, random):
            yield f"request {form}: bytes {label}", length, document + changed


def _spoilt_content(content: bytes, random: Random) -> Iterator[Body]:
    for cut in range(len(content)):
        yield f"cut after {cut}", content[:cut]
    yield "doubled", content * 2
    yield "one more", content + b"\0"
    yield "of all ones", b"\xff" * len(content)
    yield "of zeros", b"\0" * len(content)
    for _ in range(40):
        yield "of noise", random.randbytes(len(content))
