import json

import numpy as np
import pytest

from model_deployment_app.engine.revision import Revision
from model_deployment_app.errors import InvalidRequest, InvalidTensor
from model_deployment_app.protocols import seldon
from model_deployment_app.signature import Signature, TensorSpec
from model_deployment_app.tensors import ROWS

NAMED = Signature((TensorSpec("input-0", "float64", (None, 2), ("age", "height")),), (), is_named=True)
UNNAMED = Signature((TensorSpec("input-0", "float64", (None, 2)),), ())
OUTPUTS = (TensorSpec("probabilities", "float64", (None, 2)), TensorSpec("labels", "int64", (None,)))


def decoded(data: dict, **message: object) -> seldon.Request:
    return seldon.decode(json.dumps({"data": data, **message}).encode())


def encoded(
    outputs: dict[str, np.ndarray], classes: tuple = (), form: str = "ndarray", puid: str | None = None
) -> dict:
    specs = tuple(TensorSpec(name, array.dtype.name, (None, *array.shape[1:])) for name, array in outputs.items())
    revision = Revision("iris", "1", "ab", Signature((), specs, classes=classes), run=None)
    return json.loads(seldon.encode(revision, outputs, form=form, puid=puid))


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 4), (2, 1, 4, 4)])
def test_an_ndarray_and_a_tensor_are_two_ways_to_say_the_same(shape):
    rows = np.arange(np.prod(shape), dtype=np.float64).reshape(shape)

    by_rows = decoded({"ndarray": rows.tolist()})
    by_values = decoded({"tensor": {"shape": shape, "values": rows.ravel().tolist()}})

    for request in (by_rows, by_values):
        np.testing.assert_array_equal(request.rows, rows)
        assert request.rows.dtype == np.float64
    assert (by_rows.form, by_values.form) == ("ndarray", "tensor")


def test_rows_may_be_text_or_mixed():
    assert decoded({"ndarray": ["gut", "schön"]}).rows.tolist() == ["gut", "schön"]
    assert decoded({"ndarray": [["Rome", 1], [None, True]]}).rows.tolist() == [["Rome", 1], [None, True]]


def test_columns_are_matched_by_name_in_any_order():
    request = decoded({"names": ["height", "age"], "ndarray": [[180, 30], [170, 20]]})

    checked = NAMED.check(seldon.tensors(request, NAMED))

    np.testing.assert_array_equal(checked["input-0"], [[30, 180], [20, 170]])


@pytest.mark.parametrize("names", [[], None])
def test_no_names_are_columns_in_the_order_of_the_features(names):
    request = decoded({"names": names, "ndarray": [[30, 180]]})

    assert seldon.tensors(request, NAMED)[ROWS].tolist() == [[30, 180]]


def test_names_mean_nothing_to_an_estimator_that_was_fitted_without():
    request = decoded({"names": ["whatever"], "tensor": {"shape": [1, 2], "values": [30, 180]}})

    assert seldon.tensors(request, UNNAMED)[ROWS].tolist() == [[30, 180]]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["age"], r"data.names: expected 2 name\(s\) like the values of a row, got 1"),
        (["age", "age"], "data.names: expected each name once"),
        (["age", "weight"], r"missing column\(s\) 'height'; expected 'age', 'height'"),
        (["age", "height", "weight"], r"expected 2 name\(s\) like the values of a row, got 3"),
    ],
)
def test_names_that_do_not_fit_are_refused(names, message):
    request = decoded({"names": names, "ndarray": [[30, 180]]})

    with pytest.raises(InvalidTensor, match=message):
        NAMED.check(seldon.tensors(request, NAMED))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the body is empty"),
        (b'{"data": {"ndarray": [[NaN]]}}', "the body is not JSON"),
        (b"[[1]]", r'expected an object such as {"data": {"ndarray": \[\[…\]\]}}, got an array'),
        (b"{}", "data: expected an object with ndarray or tensor, got none"),
        (b'{"data": [[1]]}', "data: expected an object with ndarray or tensor, got an array"),
        (b'{"data": {"names": ["a"]}}', "data: expected one of ndarray and tensor, got neither"),
        (b'{"data": {"ndarray": [[1]], "tensor": {}}}', "data: expected one of ndarray and tensor, got both"),
        (b'{"data": {"tftensor": {}}}', "data: expected one of ndarray and tensor, got neither"),
        (b'{"data": {"ndarray": {}}}', "data.ndarray: expected an array of rows, got an object"),
        (b'{"data": {"ndarray": []}}', "data.ndarray: expected at least one row, got none"),
        (b'{"data": {"names": "a", "ndarray": [[1]]}}', "data.names: expected an array of strings, got a string"),
        (b'{"data": {"names": [1], "ndarray": [[1]]}}', "data.names: expected strings, got a number at 0"),
        (b'{"data": {"tensor": [1]}}', "data.tensor: expected an object with shape and values, got an array"),
        (b'{"data": {"tensor": {"values": [1]}}}', "data.tensor.shape: expected an array of numbers, got none"),
        (b'{"data": {"tensor": {"shape": [1]}}}', "data.tensor.values: expected an array of numbers, got none"),
        (b'{"data": {"ndarray": [[1]]}, "meta": 1}', "meta: expected an object, got a number"),
        (b'{"data": {"ndarray": [[1]]}, "meta": {"puid": 1}}', "meta.puid: expected a string, got a number"),
        (b'{"strData": "a"}', "strData: not taken here; send the rows as data.ndarray or data.tensor"),
        (b'{"jsonData": {}, "data": {"ndarray": [[1]]}}', "jsonData: not taken here"),
        (b'{"binData": "AA=="}', "binData: not taken here"),
    ],
)
def test_what_is_no_request_is_refused(body, message):
    with pytest.raises(InvalidRequest, match=message) as raised:
        seldon.decode(body)

    assert raised.value.http_status == 400


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"ndarray": [[1, 2], [1]]}, r"row 1: expected 2 value\(s\) like row 0, got 1"),
        ({"ndarray": [{"age": 1}]}, "row 0: expected an array, got an object"),
        ({"tensor": {"shape": [2, 2], "values": [1, 2, 3]}}, "asks for another number of values than 3"),
        ({"tensor": {"shape": [], "values": [1]}}, "data.tensor.shape: expected 1 to 8 positive integers"),
        ({"tensor": {"shape": [1] * 9, "values": [1]}}, "data.tensor.shape: expected 1 to 8 positive integers"),
        ({"tensor": {"shape": [0, 2], "values": []}}, "data.tensor.shape: expected 1 to 8 positive integers"),
        ({"tensor": {"shape": [-1, -1], "values": [1]}}, "data.tensor.shape: expected 1 to 8 positive integers"),
        ({"tensor": {"shape": [True], "values": [1]}}, "data.tensor.shape: expected 1 to 8 positive integers"),
        ({"tensor": {"shape": [1.5], "values": [1]}}, "data.tensor.shape: expected 1 to 8 positive integers"),
    ],
)
def test_rows_that_are_no_table_are_refused(data, message):
    with pytest.raises(InvalidTensor, match=message) as raised:
        decoded(data)

    assert raised.value.http_status == 422


def test_probabilities_are_named_by_their_classes():
    answer = encoded({"probabilities": np.array([[0.25, 0.75]])}, classes=((0, "one"),))

    assert answer == {"data": {"names": ["0", "one"], "ndarray": [[0.25, 0.75]]}, "meta": {}}


@pytest.mark.parametrize(
    ("outputs", "names", "ndarray"),
    [
        ({"labels": np.array(["a", "b"])}, ["labels"], ["a", "b"]),
        ({"predictions": np.array([1.5, 2.5])}, ["predictions"], [1.5, 2.5]),
        ({"predictions": np.array([[1.0, 2.0]])}, ["predictions-0", "predictions-1"], [[1.0, 2.0]]),
        ({"probabilities": np.array([[0.25, 0.75]])}, ["probabilities-0", "probabilities-1"], [[0.25, 0.75]]),
        (
            {"probabilities-0": np.array([[0.1, 0.9]]), "probabilities-1": np.array([[0.1, 0.2, 0.7]])},
            ["probabilities-0", "probabilities-1"],
            [[[0.1, 0.9], [0.1, 0.2, 0.7]]],
        ),
    ],
)
def test_other_answers_are_named_by_their_outputs(outputs, names, ndarray):
    assert encoded(outputs)["data"] == {"names": names, "ndarray": ndarray}


def test_a_tensor_is_answered_by_a_tensor():
    answer = encoded({"probabilities": np.array([[0.25, 0.75], [0.5, 0.5]])}, classes=(("a", "b"),), form="tensor")

    assert answer["data"] == {"names": ["a", "b"], "tensor": {"shape": [2, 2], "values": [0.25, 0.75, 0.5, 0.5]}}


def test_outputs_of_equal_shape_are_one_tensor():
    outputs = {"probabilities-0": np.array([[0.1, 0.9]]), "probabilities-1": np.array([[0.2, 0.8]])}

    assert encoded(outputs, form="tensor")["data"]["tensor"] == {"shape": [1, 2, 2], "values": [0.1, 0.9, 0.2, 0.8]}


@pytest.mark.parametrize(
    "outputs",
    [
        {"labels": np.array(["a"])},
        {"labels": np.array([True])},
        {"probabilities-0": np.array([[0.1, 0.9]]), "probabilities-1": np.array([[0.1, 0.2, 0.7]])},
    ],
)
def test_what_no_tensor_holds_is_answered_as_an_ndarray(outputs):
    assert set(encoded(outputs, form="tensor")["data"]) == {"names", "ndarray"}


@pytest.mark.parametrize("form", ["ndarray", "tensor"])
def test_numbers_survive_the_round_trip(form):
    numbers = np.random.default_rng(0).standard_normal(1000) * 10.0 ** np.arange(-300, 300, 0.6)

    data = encoded({"predictions": numbers}, form=form)["data"]

    assert np.array_equal(data["ndarray"] if form == "ndarray" else data["tensor"]["values"], numbers)


@pytest.mark.parametrize("data", [{"ndarray": [[1]]}, {"ndarray": ["a"]}, {"tensor": {"shape": [1], "values": [1]}}])
def test_the_id_of_a_request_comes_back(data):
    assert decoded(data, meta={"puid": "a1", "tags": {"x": 1}}).puid == "a1"
    assert decoded(data, meta={}).puid is None
    assert encoded({"labels": np.array([1])}, puid="a1")["meta"] == {"puid": "a1"}


def test_classification_asks_for_probabilities_and_not_for_labels():
    revision = Revision("iris", "1", "ab", Signature(UNNAMED.inputs, OUTPUTS, classes=((0, 1),)), run=None)

    call = seldon.call(b'{"data": {"ndarray": [[1, 2]]}}', (), revision)

    assert call.outputs == ["probabilities"]


def test_a_refusal_is_a_status():
    status = {"code": 422, "info": "row 0: …", "reason": "InvalidTensor", "status": "FAILURE"}

    assert json.loads(seldon.error(InvalidTensor("row 0: …"))) == {"status": status}
