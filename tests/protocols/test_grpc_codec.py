import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from model_deployment_app.engine.revision import Revision
from model_deployment_app.errors import InvalidRequest, InvalidTensor
from model_deployment_app.protocols import _grpc
from model_deployment_app.protocols._datatypes import to_raw
from model_deployment_app.protocols._messages import ModelInferRequest, ModelInferResponse, ModelMetadataResponse
from model_deployment_app.signature import Signature, TensorSpec
from model_deployment_app.tensors import ROWS

FIELDS = {
    "BOOL": ("bool_contents", np.bool_),
    "INT8": ("int_contents", np.int8),
    "INT16": ("int_contents", np.int16),
    "INT32": ("int_contents", np.int32),
    "INT64": ("int64_contents", np.int64),
    "UINT8": ("uint_contents", np.uint8),
    "UINT16": ("uint_contents", np.uint16),
    "UINT32": ("uint_contents", np.uint32),
    "UINT64": ("uint64_contents", np.uint64),
    "FP32": ("fp32_contents", np.float32),
    "FP64": ("fp64_contents", np.float64),
}


def revision(columns=2, *, outputs=("predictions",), classes=(), is_named=False):
    inputs = (TensorSpec("input-0", "float64", (None, columns)),)
    specs = tuple(TensorSpec(name, "float64", (None,)) for name in outputs)
    return Revision("iris", "1", "ab", Signature(inputs, specs, is_named, classes), run=None)


def request(values, datatype="FP64", *, field=None, shape=None, is_raw=False, **fields):
    """One input of these values."""
    message = ModelInferRequest(model_name="iris", **fields)
    tensor = message.inputs.add(name="x", datatype=datatype, shape=np.shape(values) if shape is None else shape)
    if is_raw:
        message.raw_input_contents.append(to_raw(np.asarray(values), datatype))
    else:
        flat = np.ravel(values).tolist()
        getattr(tensor.contents, field or FIELDS[datatype][0]).extend(flat)
    return message


def rows(message, **shape):
    return _grpc.call(message, revision(**shape)).inputs[ROWS]


def answered(message, outputs, **kinds):
    call = _grpc.call(message, revision(outputs=tuple(outputs), **kinds))
    return ModelInferResponse.FromString(call.encode(outputs).body)


@pytest.mark.parametrize("is_raw", [False, True])
@pytest.mark.parametrize("datatype", FIELDS)
@settings(max_examples=30)
@given(values=st.data())
def test_values_of_every_datatype_are_read_exactly(datatype, is_raw, values):
    table = values.draw(arrays.arrays(FIELDS[datatype][1], st.tuples(st.integers(1, 4), st.integers(1, 3))))

    read = rows(request(table, datatype, is_raw=is_raw), columns=table.shape[1])

    assert read.shape == table.shape
    np.testing.assert_equal(read.tolist(), table.tolist())  # integers as integers, NaN as itself


@pytest.mark.parametrize("datatype", ["FP16", "BF16"])
def test_halves_come_as_raw_bytes_alone(datatype):
    message = request([[1.0, 2.0]], datatype, field="fp32_contents")

    with pytest.raises(InvalidRequest, match=f"input 'x': expected {datatype} in raw_input_contents, which is missing"):
        rows(message)


def test_a_raw_half_is_read():
    assert rows(request(np.array([[1.5, 2]], np.float16), "FP16", is_raw=True)).tolist() == [[1.5, 2.0]]


def test_texts_are_read_either_way():
    signature = Signature((TensorSpec("text", "str", (None,)),), (TensorSpec("predictions", "float64", (None,)),))
    texts = Revision("iris", "1", "ab", signature, run=None)
    contents = request([], "BYTES", field="bytes_contents", shape=[2])
    contents.inputs[0].contents.bytes_contents.extend([b"gut", "schön".encode()])
    raw = request(["gut", "schön"], "BYTES", is_raw=True)

    read = [_grpc.call(message, texts).inputs[ROWS].tolist() for message in (contents, raw)]

    assert read == [["gut", "schön"], ["gut", "schön"]]


def test_named_columns_are_inputs_of_any_order_and_datatype():
    message = ModelInferRequest()
    city = message.inputs.add(name="city", datatype="BYTES", shape=[2, 1])
    city.contents.bytes_contents.extend([b"Rome", b"Oslo"])
    message.inputs.add(name="rooms", datatype="INT32", shape=[2]).contents.int_contents.extend([3, 2])
    inputs = (TensorSpec("rooms", "float64", (None,)), TensorSpec("city", "object", (None,)))
    signature = Signature(inputs, (TensorSpec("predictions", "float64", (None,)),), is_named=True)

    read = _grpc.call(message, Revision("houses", "1", "ab", signature, run=None)).inputs

    assert {name: column.tolist() for name, column in read.items()} == {"city": ["Rome", "Oslo"], "rooms": [3.0, 2.0]}


def test_contents_beside_raw_contents_are_refused():
    message = request([[1.0, 2.0]])
    message.raw_input_contents.append(bytes(16))

    with pytest.raises(InvalidRequest, match="input 'x': expected contents or raw_input_contents, got both"):
        rows(message)


@pytest.mark.parametrize("count", [1, 3])
def test_raw_contents_are_one_for_each_input(count):
    message = ModelInferRequest(raw_input_contents=[bytes(16)] * count)
    for name in "ab":
        message.inputs.add(name=name, datatype="FP64", shape=[1, 2])

    with pytest.raises(InvalidRequest, match=rf"one entry for each of 2 input\(s\), got {count}"):
        rows(message)


@pytest.mark.parametrize(
    ("message", "line"),
    [
        (ModelInferRequest(), "inputs: expected at least one tensor, got none"),
        (request([[1.0, 2.0]], "FP65", field="fp64_contents"), "expected a datatype of .*, got 'FP65'"),
        (request([[1.0, 2.0]], "FP32", field="fp64_contents"), "expected FP32 in fp32_contents, got fp64_contents"),
        (request([], "FP64", shape=[1, 2]), "expected 2 values"),
        (request([[1.0, 2.0]], shape=[2, 2]), "expected 4 values"),
        (request([[1.0, 2.0]], shape=[]), "expected a shape of"),
        (request([[1.0, 2.0]], shape=[-1, 2]), "expected at least one value on each axis"),
        (request([[1.0, 2.0]], shape=[2**62, 2**62]), "values"),
        (request([[1, 128]], "INT8"), "a number beyond it"),
        (request([[1, 2**16]], "UINT16"), "a number beyond it"),
        (request([[1.0, 2.0]], outputs=[{"name": "shape"}]), "outputs: expected predictions, got 'shape'"),
    ],
)
def test_what_is_no_request_is_refused_in_one_line(message, line):
    with pytest.raises(InvalidRequest, match=line) as raised:
        rows(message)

    assert raised.value.grpc_status == "INVALID_ARGUMENT"
    assert "\n" not in str(raised.value)


def test_bytes_that_are_no_text_are_refused():
    message = request([], "BYTES", field="bytes_contents", shape=[1, 2])
    message.inputs[0].contents.bytes_contents.extend([b"a", b"\xff"])

    with pytest.raises(InvalidTensor, match="element 1: expected UTF-8 text"):
        rows(message)


def test_an_answer_is_raw_if_the_request_is():
    numbers = np.array([0.1, 0.2, 0.3])

    raw = answered(request([[1.0, 2.0]], is_raw=True), {"predictions": numbers})
    typed = answered(request([[1.0, 2.0]]), {"predictions": numbers})

    assert list(raw.raw_output_contents) == [numbers.tobytes()]
    assert not raw.outputs[0].HasField("contents")
    assert list(typed.outputs[0].contents.fp64_contents) == numbers.tolist()
    assert not typed.raw_output_contents
    for answer in (raw, typed):
        assert (answer.outputs[0].name, answer.outputs[0].datatype) == ("predictions", "FP64")
        assert list(answer.outputs[0].shape) == [3]


@pytest.mark.parametrize("is_raw", [False, True])
def test_labels_of_text_are_answered(is_raw):
    answer = answered(request([[1.0, 2.0]], is_raw=is_raw), {"labels": np.array(["gut", "schön"])})

    content = answer.raw_output_contents[0] if is_raw else list(answer.outputs[0].contents.bytes_contents)
    assert answer.outputs[0].datatype == "BYTES"
    assert content == (b"\x03\0\0\0gut\x06\0\0\0sch\xc3\xb6n" if is_raw else [b"gut", "schön".encode()])


def test_probabilities_name_their_classes():
    answer = answered(request([[1.0, 2.0]]), {"probabilities": np.array([[0.1, 0.9]])}, classes=(("no", "yes"),))

    assert json.loads(answer.outputs[0].parameters["classes"].string_param) == ["no", "yes"]


def test_only_requested_outputs_are_computed_in_their_order():
    message = request([[1.0, 2.0]], outputs=[{"name": "labels"}, {"name": "probabilities"}])

    call = _grpc.call(message, revision(outputs=("probabilities", "labels")))

    assert list(call.outputs) == ["labels", "probabilities"]


def test_an_answer_says_who_answers_and_what():
    answer = answered(request([[1.0, 2.0]], id="request 7"), {"predictions": np.array([1.0])})

    assert (answer.model_name, answer.model_version, answer.id) == ("iris", "1", "request 7")


def test_metadata_tells_names_datatypes_and_shapes():
    metadata = ModelMetadataResponse.FromString(_grpc.model_metadata(revision(4)))

    [first] = metadata.inputs
    assert (metadata.name, list(metadata.versions)) == ("iris", ["1"])
    assert (first.name, first.datatype, list(first.shape)) == ("input-0", "FP64", [-1, 4])
    assert [output.name for output in metadata.outputs] == ["predictions"]
