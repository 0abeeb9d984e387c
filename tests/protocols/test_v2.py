import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from model_deployment_app.engine.revision import Revision
from model_deployment_app.errors import InvalidRequest, InvalidTensor
from model_deployment_app.protocols import Call, Reply, v2
from model_deployment_app.protocols._datatypes import from_raw, to_raw
from model_deployment_app.protocols._metadata import model
from model_deployment_app.signature import Signature, TensorSpec
from model_deployment_app.tensors import ROWS

IRIS = Revision(
    "iris",
    "7",
    "ab",
    Signature(
        (TensorSpec("input-0", "float64", (None, 2), ("length", "width")),),
        (TensorSpec("probabilities", "float64", (None, 2)), TensorSpec("labels", "str", (None,))),
        is_named=True,
        classes=(("no", "yes"),),
    ),
    run=None,
)
COMPUTED = {"labels": np.array(["yes"]), "probabilities": np.array([[0.25, 0.75]])}
ROW = {"name": "x", "shape": [1, 2], "datatype": "FP64", "data": [1, 2.5]}


def called(message: object, content: bytes = b"", length: object = None) -> Call:
    """Decode *message*, with raw bytes behind it if there are any."""
    document = message if isinstance(message, bytes) else json.dumps(message).encode()
    if length is None and not content:
        return v2.call(document, [], IRIS)
    header = str(len(document) if length is None else length).encode()
    return v2.call(document + content, [(b"inference-header-content-length", header)], IRIS)


def table(*arguments: object) -> np.ndarray:
    return called(*arguments).inputs[ROWS]


def answered(**message: object) -> Reply:
    return called({"inputs": [ROW], **message}).encode(COMPUTED)


def outputs(**message: object) -> list[dict]:
    return json.loads(answered(**message).body)["outputs"]


def binary(size_bytes: object, **changes: object) -> dict:
    sent = {**ROW, **changes, "parameters": {"binary_data_size": size_bytes}}
    return {"inputs": [{key: value for key, value in sent.items() if key != "data"}]}


@pytest.mark.parametrize("data", [[1, 2.5], [[1, 2.5]]])
@pytest.mark.parametrize("datatype", ["FP16", "FP32", "FP64"])
def test_numbers_come_flat_or_nested(data, datatype):
    read = table({"inputs": [{**ROW, "data": data, "datatype": datatype}]})

    assert read.dtype == np.float64
    assert read.tolist() == [[1, 2.5]]


@given(
    st.data(),
    st.sampled_from(["bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"])
    | st.sampled_from(["float16", "float32", "float64"]),
    st.integers(1, 5),
)
def test_raw_bytes_say_what_json_says(data, dtype, rows):
    elements = hnp.from_dtype(np.dtype(dtype), **({"allow_infinity": False} if dtype.startswith("f") else {}))
    array = data.draw(hnp.arrays(dtype, (rows, 2), elements=elements))
    datatype = {"b": "BOOL", "f": f"FP{array.itemsize * 8}"}.get(array.dtype.kind, dtype.upper())
    values = [None if value != value else value for value in array.ravel().tolist()]
    raw = to_raw(array, datatype)

    from_json = table({"inputs": [{"name": "x", "shape": array.shape, "datatype": datatype, "data": values}]})
    from_bytes = table(binary(len(raw), shape=array.shape, datatype=datatype), raw)

    assert from_json.dtype == from_bytes.dtype
    np.testing.assert_array_equal(from_json, from_bytes)


@given(st.lists(st.text(), min_size=1, max_size=5))
def test_texts_as_raw_bytes_say_what_json_says(texts):
    raw = to_raw(np.array(texts, dtype=object), "BYTES")
    sent = {"name": "length", "shape": [len(texts)], "datatype": "BYTES", "data": texts}

    from_json = called({"inputs": [sent]}).inputs
    from_bytes = called(binary(len(raw), name="length", shape=[len(texts)], datatype="BYTES"), raw).inputs

    assert from_json["length"].tolist() == from_bytes["length"].tolist() == texts


def test_inputs_as_json_and_as_raw_bytes_may_be_mixed():
    first, second = np.array([1.5, 2.5], "<f4").tobytes(), np.array([3, 4], "<i2").tobytes()
    [left] = binary(8, name="width", shape=[2], datatype="FP32")["inputs"]
    [right] = binary(4, name="length", shape=[2, 1], datatype="INT16")["inputs"]
    plain = {"name": "height", "shape": [2], "datatype": "INT64", "data": [5, 2**60]}

    read = called({"inputs": [left, plain, right]}, first + second).inputs

    assert {name: array.tolist() for name, array in read.items()} == {
        "width": [1.5, 2.5],
        "height": [5, 2**60],
        "length": [3, 4],
    }


def test_keys_and_parameters_that_we_do_not_know_are_ignored():
    sent = {**ROW, "parameters": {"content_type": "np", "x": [1]}, "more": {}}

    read = table(
        {
            "model_name": "other",
            "inputs": [sent],
            "parameters": {"priority": 1, "headers": {}},
            "outputs": [{"name": "labels", "parameters": {"x": 1}, "more": 1}],
        }
    )

    assert read.tolist() == [[1, 2.5]]


def test_a_client_may_write_null_for_what_it_leaves_out():
    message = {"inputs": [{**ROW, "parameters": None}], "outputs": None, "id": None, "parameters": None}

    assert called(message).outputs == ["probabilities", "labels"]
    [tensor] = binary(16)["inputs"]
    assert table({"inputs": [{**tensor, "data": None}]}, b"\0" * 16).tolist() == [[0, 0]]


@pytest.mark.parametrize(
    ("datatype", "data", "message"),
    [
        ("INT64", [1, "2"], r"input 'x': data\[1\]: expected int, got str"),
        ("INT64", [[1, True]], r"input 'x': data\[0\]\[1\]: expected int, got bool"),
        ("INT64", [1, 1.5], r"data\[1\]: expected int, got float"),
        ("INT64", [1, None], r"data\[1\]: expected int, got null"),
        ("INT64", [1, 2**63], "expected INT64, got a number beyond it"),
        ("UINT8", [1, 256], "expected UINT8, got a number beyond it"),
        ("UINT8", [1, -1], "expected UINT8, got a number beyond it"),
        ("FP32", [1, 1e39], "expected FP32, got a number beyond it"),
        ("FP64", [1, True], r"data\[1\]: expected float \| null, got bool"),
        ("FP64", [1, "2"], r"data\[1\]: expected float \| null, got str"),
        ("FP64", [1, 10**400], r"data\[1\]: number out of range"),
        ("BOOL", [True, 1], r"data\[1\]: expected bool, got int"),
        ("BOOL", [True, None], r"data\[1\]: expected bool, got null"),
        ("BYTES", ["a", 1], r"data\[1\]: expected str \| null, got int"),
        ("FP64", 1, "data: expected a flat array, or one of 2 levels, got 0"),
        ("FP64", {"0": 1}, "data: expected a flat array, or one of 2 levels, got 0"),
        ("FP64", [[[1, 2]]], "data: expected a flat array, or one of 2 levels, got 3"),
        ("FP64", [1, [2]], r"data\[1\]: expected float \| null, got array"),
        ("FP64", [[1], [2]], r"expected 2 values for shape \(1, 2\), got an array of shape \(2, 1\)"),
        ("FP64", [], r"expected 2 values for shape \(1, 2\), got 0"),
        ("FP64", [1], r"expected 2 values for shape \(1, 2\), got 1"),
    ],
)
def test_a_value_is_of_the_datatype_that_its_tensor_states(datatype, data, message):
    with pytest.raises(InvalidTensor, match=message):
        called({"inputs": [{**ROW, "datatype": datatype, "data": data}]})


@pytest.mark.parametrize(
    ("message", "complaint"),
    [
        (b"", "the body is empty"),
        (b"[]", "the body: expected object, got array"),
        (b"nonsense", "the body is not JSON"),
        (b'{"more": [' + b"[" * 100_000, "the body is not JSON"),
        (b'{"inputs": [{"name": "x", "shape": [1], "datatype": "FP64", "data": [NaN]}]}', "NaN and Infinity are not"),
        (
            b'{"inputs": [{"name": "x", "shape": [1], "datatype": "BYTES", "data": ["\xff"]}]}',
            "input 'x': data: expected strict JSON in UTF-8",
        ),
        ({}, "the body: object missing required field inputs"),
        ({"inputs": []}, "inputs: expected at least one tensor, got none"),
        ({"inputs": {}}, "inputs: expected array, got object"),
        ({"inputs": [{**ROW, "name": 3}]}, r"inputs\[0\].name: expected str, got int"),
        ({"inputs": [{**ROW, "datatype": "FP8"}]}, "input 'x': expected a datatype of BOOL, .*, got 'FP8'"),
        ({"inputs": [{**ROW, "datatype": "BF16"}]}, "expected BF16 as binary data, got values"),
        ({"inputs": [{**ROW, "shape": ["1"]}]}, r"inputs\[0\].shape\[0\]: expected int, got str"),
        ({"inputs": [{**ROW, "shape": [2**63]}]}, r"inputs\[0\].shape\[0\]: expected int <= 9223372036854775807"),
        ({"inputs": [{"name": "x", "shape": [1], "datatype": "FP64"}]}, "data or parameters.binary_data_size.*neither"),
        ({"inputs": [{**ROW, "parameters": {"binary_data_size": 8}}]}, "data or parameters.binary_data_size.*both"),
        ({"inputs": [ROW], "id": 3}, r"id: expected str \| null, got int"),
        ({"inputs": [ROW], "outputs": [{"name": "scores"}]}, "outputs: expected probabilities, labels, got 'scores'"),
        ({"inputs": [ROW], "outputs": ["labels"]}, r"outputs\[0\]: expected object, got str"),
        (
            {"inputs": [ROW], "outputs": [{"name": "labels", "parameters": {"binary_data": 1}}]},
            r"outputs\[0\].parameters.binary_data: expected bool",
        ),
        (
            {"inputs": [ROW], "outputs": [{"name": "labels", "parameters": {"classification": 2}}]},
            "output 'labels': the classification extension is not supported",
        ),
        (
            {"inputs": [ROW], "parameters": {"binary_data_output": "yes"}},
            "parameters.binary_data_output: expected bool",
        ),
    ],
)
def test_what_is_no_request_is_refused(message, complaint):
    with pytest.raises(InvalidRequest, match=complaint) as raised:
        called(message)

    assert raised.value.http_status == 400


@pytest.mark.parametrize("shape", [[0, 2], [-1, 2], [2**62, 2**62], [1] * 100, []])
def test_a_shape_is_not_believed(shape):
    for message, content in (({"inputs": [{**ROW, "shape": shape}]}, b""), (binary(16, shape=shape), b"\0" * 16)):
        with pytest.raises(InvalidRequest, match="input 'x': expected"):
            called(message, content)


@pytest.mark.parametrize("length", ["", "-1", "+5", "1.5", "0x10", "five", 1_000, "9" * 5_000, "²", "1 2"])
def test_a_json_length_that_is_none_is_refused(length):
    with pytest.raises(InvalidRequest, match=r"Inference-Header-Content-Length: expected how many of the .* bytes"):
        called(binary(16), b"\0" * 16, length)


def test_two_json_lengths_are_refused():
    document = json.dumps({"inputs": [ROW]}).encode()
    lengths = [(b"inference-header-content-length", str(len(document) - less).encode()) for less in (0, 1)]

    assert v2.call(document, lengths[:1] * 2, IRIS).inputs[ROWS].tolist() == [[1, 2.5]]
    with pytest.raises(InvalidRequest, match="Inference-Header-Content-Length"):
        v2.call(document, lengths, IRIS)


@pytest.mark.parametrize(
    ("size_bytes", "sent", "message"),
    [
        (16, 15, "expected 16 bytes after the JSON and the inputs before, got 15"),
        (16, 17, "expected 16 bytes after the JSON, the binary_data_size of all inputs together, got 17"),
        (2**70, 16, "got 16"),
        (8, 8, r"expected 16 bytes of FP64 for shape \(1, 2\), got 8"),
        (24, 24, r"expected 16 bytes of FP64 for shape \(1, 2\), got 24"),
        (0, 0, r"expected 16 bytes of FP64 for shape \(1, 2\), got 0"),
        (-1, 16, r"inputs\[0\].parameters.binary_data_size: expected int >= 0"),
        ("16", 16, r"inputs\[0\].parameters.binary_data_size: expected int . null, got str"),
        (True, 16, r"inputs\[0\].parameters.binary_data_size: expected int . null, got bool"),
    ],
)
def test_raw_bytes_that_do_not_add_up_are_refused(size_bytes, sent, message):
    with pytest.raises(InvalidRequest, match=message) as raised:
        called(binary(size_bytes), b"\0" * sent)

    assert raised.value.http_status == 400


def test_raw_bytes_without_a_json_length_are_refused():
    with pytest.raises(InvalidRequest, match="Inference-Header-Content-Length tells where the JSON ends"):
        v2.call(json.dumps(binary(16)).encode(), [], IRIS)


def test_an_answer_has_every_output_flat_and_says_which_column_is_which_class():
    reply = answered(id="a\r\nb")

    assert json.loads(reply.body) == {
        "model_name": "iris",
        "model_version": "7",
        "id": "a\r\nb",
        "outputs": [
            {
                "name": "probabilities",
                "shape": [1, 2],
                "datatype": "FP64",
                "data": [0.25, 0.75],
                "parameters": {"classes": '["no","yes"]'},
            },
            {"name": "labels", "shape": [1], "datatype": "BYTES", "data": ["yes"]},
        ],
    }
    assert (reply.media_type, reply.headers) == (b"application/json", ())


def test_an_answer_has_an_id_only_if_the_request_has():
    assert "id" not in json.loads(answered().body)


def test_requested_outputs_come_alone_and_in_their_order():
    assert [output["name"] for output in outputs(outputs=[{"name": "labels"}])] == ["labels"]
    assert [output["name"] for output in outputs(outputs=[{"name": "labels"}, {"name": "probabilities"}])] == [
        "labels",
        "probabilities",
    ]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"parameters": {"binary_data_output": True}}, {"probabilities": True, "labels": True}),
        ({"parameters": {"binary_data_output": False}}, {"probabilities": False, "labels": False}),
        (
            {"outputs": [{"name": "probabilities"}, {"name": "labels", "parameters": {"binary_data": True}}]},
            {"probabilities": False, "labels": True},
        ),
        (
            {
                "parameters": {"binary_data_output": True},
                "outputs": [{"name": "probabilities", "parameters": {"binary_data": False}}, {"name": "labels"}],
            },
            {"probabilities": False, "labels": True},
        ),
    ],
)
def test_an_output_is_raw_bytes_where_it_is_asked_to_be(message, expected):
    reply = answered(**message)

    length = int(dict(reply.headers).get(b"inference-header-content-length", len(reply.body)))
    rest, read = reply.body[length:], {}
    for output in json.loads(reply.body[:length])["outputs"]:
        size_bytes = output.get("parameters", {}).get("binary_data_size")
        assert (size_bytes is not None, "data" in output) == (expected[output["name"]], not expected[output["name"]])
        if size_bytes is not None:
            array = from_raw(rest[:size_bytes], output["datatype"], output["shape"], output["name"])
            read[output["name"]], rest = array.tolist(), rest[size_bytes:]
    assert rest == b""
    assert read == {name: COMPUTED[name].tolist() for name in read}
    assert reply.media_type == (b"application/octet-stream" if any(expected.values()) else b"application/json")


def test_a_refusal_is_one_key():
    assert json.loads(v2.error(InvalidTensor("row 0"))) == {"error": "row 0"}


def test_metadata_tells_datatypes_shapes_and_columns():
    assert model(IRIS) == {
        "name": "iris",
        "versions": ["7"],
        "platform": "sklearn_estimator",
        "inputs": [
            {
                "name": "input-0",
                "datatype": "FP64",
                "shape": [-1, 2],
                "parameters": {"columns": '["length","width"]'},
            }
        ],
        "outputs": [
            {"name": "probabilities", "datatype": "FP64", "shape": [-1, 2]},
            {"name": "labels", "datatype": "BYTES", "shape": [-1]},
        ],
    }
