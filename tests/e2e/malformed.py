"""Bodies that no client should send: several hundred for each dialect, the same for the same seed."""

import json
from collections.abc import Iterator
from random import Random
from typing import Any

Body = tuple[str, bytes]

_NUMBERS = {"instances": [[5.1, 3.5, 1.4, 0.2], [6.2, 2.9, 4.3, 1.3]]}
_ROWS = {"instances": [[41.0, "Bonn", 52.5, "f"], [23.0, "Ulm", 38.25, "m"]]}
_RECORDS = {"instances": [dict(zip(("age", "city", "income", "sex"), row, strict=True)) for row in _ROWS["instances"]]}
_COLUMNS = {"columns": {name: [record[name] for record in _RECORDS["instances"]] for name in _RECORDS["instances"][0]}}
_TEXT = {"instances": ["a good car", "a bad boat"]}
_IMAGES = {"instances": [[[[0.5, 0.25, 0.0, 1.0]] * 3]] * 2}
_TENSORS = {
    "id": "42",
    "parameters": {"binary_data_output": False},
    "inputs": [
        {"name": "x", "shape": [2, 4], "datatype": "FP64", "parameters": {"a": 1}, "data": _NUMBERS["instances"]},
    ],
    "outputs": [{"name": "labels", "parameters": {"binary_data": False}}],
}
_TENSOR_COLUMNS = {
    "inputs": [
        {"name": "age", "shape": [2], "datatype": "INT64", "data": [41, 23]},
        {"name": "income", "shape": [2, 1], "datatype": "FP32", "data": [52.5, 38.25]},
        {"name": "sex", "shape": [2], "datatype": "BYTES", "data": ["f", "m"]},
        {"name": "city", "shape": [2, 1], "datatype": "BYTES", "data": [["Bonn"], ["Ulm"]]},
    ]
}
_TENSOR_TEXT = {"inputs": [{"name": "x", "shape": [2], "datatype": "BYTES", "data": _TEXT["instances"]}]}
_TENSOR_IMAGES = {
    "inputs": [{"name": "x", "shape": [2, 1, 3, 4], "datatype": "FP32", "data": _IMAGES["instances"]}],
}


def _seldon(rows: dict[str, Any], **names: list[str]) -> dict[str, Any]:
    return {"data": {**names, "ndarray": rows["instances"]}, "meta": {"puid": "a1"}}


_TENSOR = {"data": {"names": ["a", "b", "c", "d"], "tensor": {"shape": [2, 4], "values": [5.1, 3.5, 1.4, 0.2] * 2}}}

#: Good requests of each dialect, to spoil.
DIALECTS: dict[str, list[dict[str, Any]]] = {
    "native": [_NUMBERS, _ROWS, _RECORDS, _COLUMNS, _TEXT, _IMAGES],
    "v1": [_NUMBERS, _ROWS, _RECORDS, _TEXT, _IMAGES],
    "v2": [_TENSORS, _TENSOR_COLUMNS, _TENSOR_TEXT, _TENSOR_IMAGES],
    "seldon": [
        _seldon(_NUMBERS),
        _seldon(_ROWS, names=["age", "city", "income", "sex"]),
        _seldon(_TEXT),
        _seldon(_IMAGES),
        _TENSOR,
    ],
}

#: What is put in the place of a value: not all of it is JSON.
_VALUES: dict[str, bytes] = {
    "null": b"null",
    "true": b"true",
    "false": b"false",
    "zero": b"0",
    "minus zero": b"-0.0",
    "largest float": b"1.7976931348623157e308",
    "smallest float": b"5e-324",
    "int64 + 1": b"9223372036854775808",
    "uint64 + 1": b"18446744073709551616",
    "minus uint64": b"-18446744073709551616",
    "400 digits": b"9" * 400,
    "5000 digits": b"9" * 5000,
    "5000 decimals": b"0." + b"3" * 5000,
    "huge exponent": b"1e999",
    "minus huge exponent": b"-1e999",
    "exponent beyond int64": b"1e99999999999999999999",
    "NaN": b"NaN",
    "Infinity": b"Infinity",
    "-Infinity": b"-Infinity",
    "leading zero": b"01",
    "plus": b"+1",
    "no integer part": b".5",
    "no decimals": b"1.",
    "hexadecimal": b"0x10",
    "undefined": b"undefined",
    "nothing": b"",
    "single quotes": b"'1'",
    "empty string": b'""',
    "number in a string": b'"1.5"',
    "NaN in a string": b'"NaN"',
    "blank string": b'" \\t "',
    "long string": b'"' + b"x" * 100_000 + b'"',
    "emoji": '"🎈"'.encode(),
    "escaped NUL": b'"\\u0000"',
    "raw NUL": b'"\x00"',
    "raw newline": b'"a\nb"',
    "control character": b'"\x1b[31m"',
    "lone surrogate": b'"\\ud800"',
    "reversed surrogates": b'"\\udc00\\ud800"',
    "bad UTF-8": b'"\xff\xfe"',
    "overlong UTF-8": b'"\xc0\xaf"',
    "surrogate in UTF-8": b'"\xed\xa0\x80"',
    "bad escape": b'"\\x41"',
    "markup": b'"</script><script>alert(1)</script>"',
    "path": b'"../../etc/passwd"',
    "template": b'"{{7*7}} %s %n ${jndi:ldap://127.0.0.1}"',
    "empty array": b"[]",
    "empty object": b"{}",
    "array in an array": b"[[]]",
    "deep array": b"[[[[1]]]]",
    "array of null": b"[null, null, null, null]",
    "array of strings": b'["a", "b", "c", "d"]',
    "array of mixed": b'[1, "a", null, true]',
    "long array": b"[" + b"0," * 20_000 + b"0]",
    "object": b'{"a": 1}',
    "object of arrays": b'{"age": [1], "city": ["a"], "income": [1], "sex": ["f"]}',
    "object with an empty key": b'{"": 1}',
    "object with a reserved key": b'{"__class__": "os.system", "__proto__": {}}',
    "object twice nested": b'{"a": {"b": {"c": []}}}',
    "100 000 deep": b"[" * 100_000 + b"]" * 100_000,
    "100 000 deep objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
}

_WHOLE: dict[str, bytes] = {
    "nothing": b"",
    "blank": b" \r\n\t",
    "only a BOM": b"\xef\xbb\xbf",
    "open brace": b"{",
    "open nest": b'{"instances":' + b"[" * 100_000,
    "no key": b"{}",
    "another key": b'{"inputs": [[1, 2, 3, 4]]}',
    "key in capitals": b'{"Instances": [[1, 2, 3, 4]]}',
    "both keys": b'{"instances": [[1, 2, 3, 4]], "columns": {"0": [1]}}',
    "key twice": b'{"instances": [[1, 2, 3, 4]], "instances": "a"}',
    "column twice": b'{"instances": [{"age": 1, "age": "x", "city": "Bonn", "income": 1, "sex": "f"}]}',
    "two documents": b'{"instances": [[1, 2, 3, 4]]}{"instances": []}',
    "lines": b'{"instances": [[1, 2, 3, 4]]}\n{"instances": [[1, 2, 3, 4]]}\n',
    "comment": b'{"instances": [[1, 2, 3, 4]] /* four */}',
    "trailing comma": b'{"instances": [[1, 2, 3, 4],]}',
    "form": b"instances=1%2C2&columns=",
    "multipart": b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\n1\r\n--x--\r\n',
    "XML": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
    "pickle": b"\x80\x04\x95\x0f\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94.",
    "NumPy": b"\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, 'shape': (1, 4), }",
    "gzip": b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xab\xae\x05\x00",
    "msgpack": b"\x81\xa9instances\x91\x94\x01\x02\x03\x04",
    "wide row": b'{"instances": [[' + b"1," * 50_000 + b"1]]}",
    "many columns": json.dumps({"columns": {f"c{i}": [i] for i in range(2_000)}}).encode(),
    "empty columns": b'{"columns": {"age": [], "city": [], "income": [], "sex": []}}',
    "ragged columns": b'{"columns": {"age": [1, 2], "city": ["Bonn"], "income": [1], "sex": ["f"]}}',
    "null rows": b'{"instances": [null, null]}',
    "first row null": b'{"instances": [null, [1, 2, 3, 4]]}',
    "row of none": b'{"instances": [[], []]}',
    "row of no keys": b'{"instances": [{}, {}]}',
    "signature name": b'{"signature_name": "serving_default", "instances": [[1, 2]]}',
}


def bodies(seed: int, dialect: str) -> Iterator[Body]:
    """Spoil every field of every request of *dialect*.

    Parameters
    ----------
    seed : int
        Of what is left to chance: where bodies are cut and which bytes are flipped.
    dialect : str
        A key of `DIALECTS`.

    Yields
    ------
    label : str
        What was done, for messages.
    body : bytes
    """
    random = Random(seed)
    for label, body in _WHOLE.items():
        yield label, body
    for form, good in enumerate(DIALECTS[dialect]):
        for label, body in spoilt(good, random):
            yield f"request {form}: {label}", body


def spoilt(good: dict[str, Any], random: Random) -> Iterator[Body]:
    """*good*, with every field spoilt in every way."""
    encoded = json.dumps(good).encode()
    for path in _paths(good):
        place = "/".join(map(str, path)) or "all"
        for label, value in _VALUES.items():
            yield f"{place}: {label}", _with(good, path, value)
        for label, changed in _reshaped(good, path):
            yield f"{place}: {label}", json.dumps(changed).encode()
    for label, encoding in (("UTF-16", "utf-16"), ("UTF-32", "utf-32"), ("BOM", "utf-8-sig"), ("UTF-7", "utf-7")):
        yield label, encoded.decode().encode(encoding)
    for _ in range(20):
        cut = random.randrange(len(encoded))
        yield f"cut after {cut} bytes", encoded[:cut]
    for _ in range(40):
        flipped = bytearray(encoded)
        places = [random.randrange(len(encoded)) for _ in range(random.randint(1, 4))]
        for place in places:
            flipped[place] ^= 1 << random.randrange(8)
        yield f"bits flipped at {places}", bytes(flipped)
    for _ in range(10):
        place = random.randrange(len(encoded))
        yield f"noise at {place}", encoded[:place] + random.randbytes(8) + encoded[place:]


def _paths(good: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The whole, every key, the first of every array with all in it, and the last as one."""
    yield path
    if isinstance(good, dict):
        for key in good:
            yield from _paths(good[key], (*path, key))
    if isinstance(good, list):
        yield from _paths(good[0], (*path, 0))
        if len(good) > 1:
            yield (*path, len(good) - 1)


def _with(good: Any, path: tuple[Any, ...], value: bytes) -> bytes:
    """*good* as JSON, with these bytes in one place."""
    hole = "a hole to be filled"
    return json.dumps(_replaced(good, path, hole)).encode().replace(json.dumps(hole).encode(), value)


def _reshaped(good: Any, path: tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
    """Keys missing, added or misspelt, and arrays of another length, in one place."""
    value = good
    for step in path:
        value = value[step]
    if isinstance(value, dict):
        first, *others = value
        yield "a key missing", _replaced(good, path, {key: value[key] for key in others})
        yield "a key too many", _replaced(good, path, {**value, "surplus": value[first]})
        yield (
            "a key misspelt",
            _replaced(good, path, {**{key: value[key] for key in others}, f"{first} ": value[first]}),
        )
        yield "a long key", _replaced(good, path, {**value, "k" * 10_000: value[first]})
        yield "a strange key", _replaced(good, path, {**value, "\x00\ud800\n🎈": value[first]})
        yield "keys as array", _replaced(good, path, list(value))
    if isinstance(value, list):
        yield "one missing", _replaced(good, path, value[:-1])
        yield "one too many", _replaced(good, path, [*value, value[0]])
        yield "one deeper", _replaced(good, path, [value])
        yield "nulls", _replaced(good, path, [None] * len(value))
        yield "as object", _replaced(good, path, {str(position): each for position, each in enumerate(value)})


def _replaced(good: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    step, *rest = path
    if isinstance(good, dict):
        return {key: _replaced(each, tuple(rest), value) if key == step else each for key, each in good.items()}
    return [_replaced(each, tuple(rest), value) if position == step else each for position, each in enumerate(good)]
