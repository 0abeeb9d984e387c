import json

import numpy as np
import pytest

from model_deployment_app.engine.revision import Revision
from model_deployment_app.errors import InvalidRequest, InvalidTensor, ModelNotFound
from model_deployment_app.protocols import v1
from model_deployment_app.protocols._instances import wanted
from model_deployment_app.signature import Signature, TensorSpec
from model_deployment_app.tensors import ROWS


def revision(*outputs: str) -> Revision:
    specs = tuple(TensorSpec(name, "float64", (None,)) for name in outputs)
    return Revision("iris", "1", "ab", Signature((), specs), run=None)


def encoded(outputs: dict[str, np.ndarray]) -> dict:
    return json.loads(v1.encode(outputs))


def test_rows_of_numbers_become_one_table():
    table = v1.decode(b'{"instances": [[1, 2.5], [3, null]]}')[ROWS]

    assert table.dtype == np.float64
    np.testing.assert_array_equal(table, [[1, 2.5], [3, np.nan]])


def test_records_become_columns():
    tensors = v1.decode(b'{"instances": [{"city": "Rome", "rooms": 1}, {"rooms": 2, "city": null}]}')

    assert tensors["city"].tolist() == ["Rome", None]
    assert tensors["rooms"].tolist() == [1.0, 2.0]


def test_strings_become_one_column():
    assert v1.decode('{"instances": ["gut", "schön"]}'.encode())[ROWS].tolist() == ["gut", "schön"]


def test_mixed_rows_become_a_table_of_objects():
    assert v1.decode(b'{"instances": [["Rome", 1], [null, true]]}')[ROWS].tolist() == [["Rome", 1], [None, True]]


def test_a_key_that_tensorflow_clients_send_is_ignored():
    assert v1.decode(b'{"signature_name": "serving_default", "instances": [[1]]}')[ROWS].tolist() == [[1]]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the body is empty"),
        (b"nonsense", "the body is not JSON"),
        (b'{"instances": [[NaN]]}', "the body is not JSON"),
        (b'{"instances": [[Infinity]]}', "the body is not JSON"),
        (b'{"instances": [[1e999]]}', "the body holds a number beyond float64"),
        (b'{"instances": [["\xff"]]}', "the body is not JSON"),
        (b"[" * 100_000, "the body is not JSON"),
        (b"[[1]]", "got an array"),
        (b"{}", "instances: missing"),
        (b'{"instances": {}}', "instances: expected an array of rows, got an object"),
        (b'{"instances": []}', "instances: expected at least one row, got none"),
    ],
)
def test_what_is_no_request_is_refused(body, message):
    with pytest.raises(InvalidRequest, match=message) as raised:
        v1.decode(body)

    assert raised.value.http_status == 400


@pytest.mark.parametrize(
    ("instances", "message"),
    [
        ([[1, 2], [1]], r"row 1: expected 2 value\(s\) like row 0, got 1"),
        ([[1], {"a": 1}], "row 1: expected an array like row 0, got an object"),
        ([[1], 2], "row 1: expected an array like row 0, got a number"),
        ([{}, {}], "row 0: expected a value for each column, got an empty object"),
        ([{"a": 1}, {"b": 1}], "row 1: missing column 'a', which row 0 has"),
        ([{"a": 1}, {"a": 1, "b": 1}], "row 1: column 'b', which row 0 does not have"),
    ],
)
def test_a_row_unlike_the_first_is_named(instances, message):
    with pytest.raises(InvalidTensor, match=message) as raised:
        v1.decode(json.dumps({"instances": instances}).encode())

    assert raised.value.http_status == 422


def test_classification_asks_for_probabilities_and_not_for_labels():
    assert wanted(revision("probabilities", "labels").signature) == ["probabilities"]
    assert wanted(revision("probabilities-0", "probabilities-1", "labels").signature) == [
        "probabilities-0",
        "probabilities-1",
    ]
    assert wanted(revision("labels").signature) == ["labels"]
    assert wanted(revision("predictions").signature) == ["predictions"]


def test_an_answer_is_one_prediction_an_instance():
    assert encoded({"probabilities": np.array([[0.25, 0.75]])}) == {"predictions": [[0.25, 0.75]]}
    assert encoded({"labels": np.array(["a", "b"])}) == {"predictions": ["a", "b"]}
    assert encoded({"predictions": np.array([[1.0, 2.0]]).T}) == {"predictions": [[1.0], [2.0]]}


def test_several_outputs_are_gathered_by_instance():
    outputs = {
        "probabilities-0": np.array([[0.1, 0.9], [0.2, 0.8]]),
        "probabilities-1": np.array([[0.1, 0.2, 0.7], [0.3, 0.3, 0.4]]),
    }

    assert encoded(outputs) == {"predictions": [[[0.1, 0.9], [0.1, 0.2, 0.7]], [[0.2, 0.8], [0.3, 0.3, 0.4]]]}


@pytest.mark.parametrize(
    "dtype", [np.float64, np.float32, np.float16, np.int64, np.uint8, bool, object, np.longdouble, ">f8"]
)
def test_numbers_of_any_dtype_are_written(dtype):
    assert encoded({"predictions": np.array([0, 1], dtype=dtype)})["predictions"] == [0, 1]


def test_float64_survives_the_round_trip():
    numbers = np.random.default_rng(0).standard_normal(1000) * 10.0 ** np.arange(-300, 300, 0.6)

    assert np.array_equal(encoded({"predictions": numbers})["predictions"], numbers)


def test_a_refusal_is_one_key():
    assert json.loads(v1.error(ModelNotFound("no model is named 'x'"))) == {"error": "no model is named 'x'"}
