import json

import numpy as np
import pytest

from model_deployment_app.engine.revision import Revision
from model_deployment_app.errors import InvalidRequest, InvalidTensor
from model_deployment_app.protocols import native
from model_deployment_app.signature import Signature, TensorSpec
from model_deployment_app.tensors import ROWS


def encoded(outputs: dict[str, np.ndarray], classes: tuple = ()) -> dict:
    specs = tuple(TensorSpec(name, "float64", (None,)) for name in outputs)
    revision = Revision("iris", "1", "ab", Signature((), specs, classes=classes), run=None)
    return json.loads(native.encode(revision, outputs))


def test_instances_and_columns_are_two_ways_to_say_the_same():
    by_row = native.decode(b'{"instances": [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]}')
    by_column = native.decode(b'{"columns": {"a": [1, 2], "b": ["x", "y"]}}')

    assert {name: array.tolist() for name, array in by_row.items()} == {
        name: array.tolist() for name, array in by_column.items()
    }


def test_rows_of_numbers_become_one_table():
    np.testing.assert_array_equal(native.decode(b'{"instances": [[1, 2]]}')[ROWS], [[1, 2]])


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 4), (2, 1, 4, 4), (1, 2, 3, 2, 2)])
def test_nested_rows_of_numbers_become_one_array(shape):
    rows = np.arange(np.prod(shape), dtype=np.float64).reshape(shape)

    decoded = native.decode(json.dumps({"instances": rows.tolist()}).encode())

    np.testing.assert_array_equal(decoded[ROWS], rows)
    assert decoded[ROWS].dtype == np.float64


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{}", "expected one key, 'instances' or 'columns', got none"),
        (b'{"instance": [[1]]}', "got 'instance'"),
        (b'{"instances": [[1]], "columns": {}}', "got 'instances', 'columns'"),
        (b'{"instances": [[1]], "id": 3}', "got 'instances', 'id'"),
        (b'{"columns": [1]}', "columns: expected an object of arrays by column name, got an array"),
        (b'{"columns": {}}', "columns: expected at least one column, got none"),
    ],
)
def test_a_request_has_one_key(body, message):
    with pytest.raises(InvalidRequest, match=message):
        native.decode(body)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"a": 1}, "column 'a': expected an array with one value a row, got a number"),
        ({"a": []}, "column 'a': expected at least one row, got none"),
    ],
)
def test_a_column_is_an_array_of_values(columns, message):
    with pytest.raises(InvalidTensor, match=message):
        native.decode(json.dumps({"columns": columns}).encode())


def test_classification_says_which_column_is_which_class():
    outputs = {"probabilities": np.array([[0.25, 0.75]]), "labels": np.array(["no"])}

    assert encoded(outputs, classes=(("no", "yes"),)) == {
        "model": {"name": "iris", "version": "1", "sha256": "ab"},
        "probabilities": [[0.25, 0.75]],
        "labels": ["no"],
        "classes": ["no", "yes"],
    }


def test_several_outputs_are_one_array_each_in_order():
    outputs = {
        "probabilities-0": np.array([[0.1, 0.9], [0.2, 0.8]]),
        "probabilities-1": np.array([[1.0], [1.0]]),
        "labels": np.array([["b", 7], ["a", 7]], dtype=object),
    }

    answer = encoded(outputs, classes=(("a", "b"), (7,)))

    assert answer["probabilities"] == [[[0.1, 0.9], [0.2, 0.8]], [[1.0], [1.0]]]
    assert answer["labels"] == [["b", "a"], [7, 7]]
    assert answer["classes"] == [["a", "b"], [7]]


def test_several_targets_are_one_array_each():
    assert encoded({"predictions": np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])})["predictions"] == [
        [1.0, 3.0, 5.0],
        [2.0, 4.0, 6.0],
    ]


def test_regression_has_no_classes():
    assert set(encoded({"predictions": np.array([1.5])})) == {"model", "predictions"}


def test_labels_come_without_classes_where_the_estimator_tells_none():
    assert set(encoded({"labels": np.array([1])})) == {"model", "labels"}


def test_a_refusal_has_code_and_message():
    assert json.loads(native.error(InvalidTensor("row 0"))) == {"error": {"code": "InvalidTensor", "message": "row 0"}}
