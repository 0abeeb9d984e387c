"""What is read straight into NumPy is what Python reads, and everything else is left to a parser that can refuse it."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_deployment_app.protocols import _numbers
from model_deployment_app.protocols._instances import decode_numbers
from model_deployment_app.tensors import ROWS

#: Short bodies are left to the other parser.
PADDING = " " * 1000

numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53) + 1, 2**53 - 1)
tables = st.integers(1, 5).flatmap(
    lambda width: st.lists(st.lists(numbers, min_size=width, max_size=width), min_size=1, max_size=5)
)


def padded(text: str) -> bytes:
    return (text + PADDING).encode()


@given(tables)
def test_a_table_is_read_to_the_last_bit(rows):
    read = _numbers.table(padded(json.dumps({"instances": rows})))

    assert read.dtype == np.float64
    assert read.flags.writeable
    assert read.tobytes() == np.array(rows, dtype=np.float64).tobytes()


@given(st.lists(numbers, min_size=1))
def test_a_flat_array_is_read_to_the_last_bit(values):
    assert _numbers.flat(padded(json.dumps(values))).tobytes() == np.array(values, dtype=np.float64).tobytes()


@pytest.mark.parametrize(
    "body",
    [
        '{"instances": [[1, 2], [3]]}',
        '{"instances": [[1], [2, 3]]}',
        '{"instances": [[1, [2]], [3, [4]]]}',
        '{"instances": [[1, 2], [3, null]]}',
        '{"instances": [[1, true]]}',
        '{"instances": [[1, "2"]]}',
        '{"instances": [["[", 2]]}',
        '{"instances": [[1, 2], 3]}',
        '{"instances": [[1, 2], {"a": 3}]}',
        '{"instances": [{"a": 1}]}',
        '{"instances": [1, 2]}',
        '{"instances": [[[1, 2]], [[3, 4]]]}',
        '{"instances": []}',
        '{"instances": [[]]}',
        '{"instances": [[], []]}',
        '{"instances": 1}',
        '{"instances": {"a": [1]}}',
        '{"instances": [[1]], "instances": [[2]]}',
        '{"instances": [[1]], "parameters": {}}',
        '{"columns": {"a": [1]}}',
        '{"instances": [[1e999]]}',
        '{"instances": [[123456789012345678901234567890]]}',
        '{"instances": [[NaN]]}',
        '{"instances": [[Infinity]]}',
        '{"instances": [[01]]}',
        '{"instances": [[1,]]}',
        '{"instances": [[1]]',
        '{"instances": [[1]]} x',
        '\ufeff{"instances": [[1]]}',
        "[[1]]",
        "1",
        '"instances"',
        "",
        '{"instances": ' + "[" * 2000 + "]" * 2000 + "}",
    ],
)
def test_what_is_no_table_of_numbers_is_left_to_others(body):
    assert _numbers.table(padded(body)) is None


@pytest.mark.parametrize(
    "body", ["[1, null]", "[1, true]", '["1"]', "[[1], [2]]", "{}", "1", "[1", "[1e999]", "[NaN]", ""]
)
def test_what_is_no_flat_array_of_numbers_is_left_to_others(body):
    assert _numbers.flat(padded(body)) is None


def test_what_is_no_text_is_left_to_others():
    assert _numbers.table(b'{"instances": [[1, \xff]]}' + PADDING.encode()) is None


@given(tables)
def test_it_makes_no_difference_whether_a_body_is_long(rows):
    body = json.dumps({"instances": rows})

    long, short = decode_numbers(padded(body)), decode_numbers(body.encode())

    # None where a number may have been an integer that float64 does not hold.
    assert (long is None) is (short is None)
    assert long is None or long[ROWS].tobytes() == short[ROWS].tobytes()


@pytest.mark.parametrize("integer", [2**53, -(2**53), 2**63, 2**64 - 1])
def test_integers_that_float64_does_not_hold_are_left_to_others(integer):
    assert decode_numbers(padded(json.dumps({"instances": [[1, integer]]}))) is None
