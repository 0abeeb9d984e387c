import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from model_deployment_app.errors import InvalidRequest, InvalidTensor
from model_deployment_app.protocols._datatypes import DATATYPES, as_datatype, datatype_of, from_raw, from_values, to_raw

#: Every datatype that NumPy has too.
DTYPES = {
    "BOOL": "bool",
    **{f"UINT{bits}": f"uint{bits}" for bits in (8, 16, 32, 64)},
    **{f"INT{bits}": f"int{bits}" for bits in (8, 16, 32, 64)},
    **{f"FP{bits}": f"float{bits}" for bits in (16, 32, 64)},
}

SHAPES = hnp.array_shapes(max_dims=4, max_side=4)


@given(st.data(), st.sampled_from(sorted(DTYPES)), SHAPES)
def test_every_number_survives_raw_bytes(data, datatype, shape):
    array = data.draw(hnp.arrays(DTYPES[datatype], shape))

    read = from_raw(to_raw(array, datatype), datatype, shape, "x")

    assert read.dtype == DTYPES[datatype]
    np.testing.assert_array_equal(read, array)


@given(st.data(), st.sampled_from(sorted(DTYPES)), SHAPES)
def test_every_number_survives_as_values_flat_and_nested(data, datatype, shape):
    elements = None
    if datatype.startswith("FP"):
        elements = hnp.from_dtype(np.dtype(DTYPES[datatype]), allow_nan=False, allow_infinity=False)
    array = data.draw(hnp.arrays(DTYPES[datatype], shape, elements=elements))

    flat = from_values(array.ravel().tolist(), datatype, shape, "x")
    nested = from_values(array.tolist(), datatype, shape, "x")

    assert flat.dtype == nested.dtype == DTYPES[datatype]
    np.testing.assert_array_equal(flat, array)
    np.testing.assert_array_equal(nested, array)


@given(st.lists(st.text(), min_size=1))
def test_every_text_survives_raw_bytes(texts):
    read = from_raw(to_raw(np.array(texts, dtype=object), "BYTES"), "BYTES", (len(texts), 1), "x")

    assert read.tolist() == [[text] for text in texts]


def test_the_layout_of_raw_bytes_is_the_published_one():
    assert to_raw(np.array([1, -2]), "INT32") == b"\x01\x00\x00\x00\xfe\xff\xff\xff"
    assert to_raw(np.array([1.5], dtype=">f8"), "FP64") == b"\x00\x00\x00\x00\x00\x00\xf8\x3f"
    assert to_raw(np.array([[True], [False]]), "BOOL") == b"\x01\x00"
    assert to_raw(np.array(["a", "ü"]), "BYTES") == b"\x01\x00\x00\x00a\x02\x00\x00\x00\xc3\xbc"


def test_bf16_becomes_float32():
    read = from_raw(b"\x80\x3f\x20\xc0", "BF16", (2,), "x")

    assert read.dtype == np.float32
    assert read.tolist() == [1.0, -2.5]


def test_null_is_a_missing_value_among_floats_and_texts():
    np.testing.assert_array_equal(from_values([1.0, None], "FP32", (2,), "x"), [1.0, np.nan])
    assert from_values(["a", None], "BYTES", (2,), "x").tolist() == ["a", None]


@pytest.mark.parametrize(
    ("values", "datatype"),
    [
        ([256], "UINT8"),
        ([-1], "UINT8"),
        ([-129], "INT8"),
        ([2**63], "INT64"),
        ([-1], "UINT64"),
        ([2**64], "UINT64"),
        ([10**300], "INT16"),
        ([1e39], "FP32"),
        ([-70000.0], "FP16"),
    ],
)
def test_a_number_beyond_its_datatype_is_refused(values, datatype):
    with pytest.raises(InvalidTensor, match=f"^input 'x': expected {datatype}, got a number beyond it$"):
        from_values(values, datatype, (1,), "x")


@pytest.mark.parametrize(
    ("values", "shape", "message"),
    [
        ([1.0, 2.0], (3,), r"expected 3 values for shape \(3,\), got 2"),
        ([], (1,), r"expected 1 values for shape \(1,\), got 0"),
        ([1.0, 2.0], (2**62, 2**62), r"expected \d{38} values for shape"),
        ([[1.0, 2.0]], (2, 1), r"expected 2 values for shape \(2, 1\), got an array of shape \(1, 2\)"),
        ([[1.0, 2.0], [3.0]], (2, 2), "expected arrays of equal lengths, got others"),
    ],
)
def test_values_that_do_not_fill_the_shape_are_refused(values, shape, message):
    with pytest.raises(InvalidTensor, match=f"^input 'x': {message}"):
        from_values(values, "FP64", shape, "x")


def test_ragged_arrays_of_texts_are_refused():
    with pytest.raises(InvalidTensor, match=r"got an array of shape \(2,\)"):
        from_values([["a"], ["b", "c"]], "BYTES", (2, 1), "x")


@pytest.mark.parametrize("shape", [(0,), (0, 4), (4, 0), (-1, 4), (2, -(2**63))])
def test_an_axis_without_values_is_refused_however_the_tensor_comes(shape):
    for make, content in ((from_raw, b""), (from_values, [])):
        with pytest.raises(InvalidTensor, match="input 'x': expected at least one value on each axis, got shape"):
            make(content, "FP64", shape, "x")


@pytest.mark.parametrize("shape", [(), (1,) * 9, (1,) * 100_000])
def test_a_shape_of_no_axis_or_of_many_is_refused(shape):
    with pytest.raises(InvalidTensor, match=f"expected a shape of 1 to 8 axes, got {len(shape)}$"):
        from_raw(b"\x00", "BOOL", shape, "x")


@pytest.mark.parametrize("datatype", ["", "FP8", "fp32", "TYPE_FP32", "F" * 10_000])
def test_an_unknown_datatype_is_refused_with_those_that_there_are(datatype):
    with pytest.raises(InvalidRequest, match=r"expected a datatype of BOOL, UINT8, .*, BYTES, got '") as raised:
        from_raw(b"", datatype, (1,), "x")

    assert len(str(raised.value)) < 400


@pytest.mark.parametrize("datatype", [each for each in DATATYPES if each != "BYTES"])
@pytest.mark.parametrize("extra", [-1, 1])
def test_raw_bytes_of_another_length_are_refused(datatype, extra):
    size_bytes = 4 * (2 if datatype == "BF16" else np.dtype(DTYPES[datatype]).itemsize)

    with pytest.raises(InvalidRequest, match=rf"expected {size_bytes} bytes of {datatype} .* got {size_bytes + extra}"):
        from_raw(b"\x00" * (size_bytes + extra), datatype, (2, 2), "x")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected 2 elements of BYTES, got 0"),
        (b"\x01\x00\x00\x00a", "expected 2 elements of BYTES, got 1"),
        (b"\x00\x00\x00\x00" * 3, "expected 2 elements of BYTES, got 3"),
        (b"\x01\x00\x00\x00a\x01\x00", "element 1: expected 5 bytes, length included, got 2"),
        (b"\x01\x00\x00\x00a\x02\x00\x00\x00b", "element 1: expected 6 bytes, length included, got 5"),
        (b"\xff\xff\xff\xffa", "element 0: expected 4294967299 bytes, length included, got 5"),
    ],
)
def test_texts_that_do_not_add_up_are_refused(content, message):
    with pytest.raises(InvalidRequest, match=f"^input 'x': {message}$"):
        from_raw(content, "BYTES", (2,), "x")


def test_texts_are_utf_8():
    with pytest.raises(InvalidTensor, match=r"^input 'x': element 1: expected UTF-8 text, got other bytes$"):
        from_raw(b"\x00\x00\x00\x00\x02\x00\x00\x00\xff\xfe", "BYTES", (2,), "x")


def test_a_boolean_is_a_byte_of_0_or_1():
    with pytest.raises(InvalidTensor, match="expected bytes of 0 or 1 for BOOL"):
        from_raw(b"\x01\x02", "BOOL", (2,), "x")


def test_bf16_has_no_values():
    with pytest.raises(InvalidRequest, match="expected BF16 as binary data, got values: send them as FP32"):
        from_values([1.0], "BF16", (1,), "x")


@pytest.mark.parametrize(
    ("dtype", "datatype"),
    [
        *((dtype, datatype) for datatype, dtype in DTYPES.items() if datatype != "FP16"),
        ("float16", "FP32"),
        ("longdouble", "FP64"),
        (">i4", "INT32"),
        ("str", "BYTES"),
        ("<U7", "BYTES"),
        ("object", "BYTES"),
        ("datetime64[s]", "BYTES"),
    ],
)
def test_every_dtype_has_a_datatype_that_clients_can_read(dtype, datatype):
    assert datatype_of(dtype) == datatype_of(np.dtype(dtype)) == datatype


def test_what_is_no_number_is_answered_as_text():
    labels = np.array([["b", 7], [None, True]], dtype=object)

    assert as_datatype(labels, "BYTES").tolist() == [["b", "7"], ["None", "True"]]
    assert all(type(text) is str for text in as_datatype(np.array(["a", "b"]), "BYTES"))
