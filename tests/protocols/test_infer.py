import json

import numpy as np
import pytest

from model_deployment_app.engine.revision import Revision
from model_deployment_app.errors import InvalidRequest, InvalidTensor
from model_deployment_app.protocols._infer import InputTensor, answer, inputs, outputs
from model_deployment_app.signature import Signature, TensorSpec
from model_deployment_app.tensors import ROWS

NUMBERS = Signature((TensorSpec("input-0", "float64", (None, 4)),), ())
NAMED = Signature((TensorSpec("input-0", "float64", (None, 2), ("age", "income")),), (), is_named=True)
ONE = Signature((TensorSpec("input-0", "float64", (None, 1), ("age",)),), (), is_named=True)
MIXED = Signature((TensorSpec("age", "float64", (None,)), TensorSpec("city", "str", (None,))), (), is_named=True)
POSITIONS = Signature((TensorSpec("0", "float64", (None,)), TensorSpec("1", "str", (None,))), ())
TEXT = Signature((TensorSpec("text", "str", (None,)),), ())
IMAGES = Signature((TensorSpec("input-0", "float64", (None, 1, 2, 3)),), ())


def tensor(name: str, values: object, dtype: object = np.float64, datatype: str = "FP64") -> InputTensor:
    array = np.array(values, dtype=dtype)
    return InputTensor(name, datatype, array.shape, array)


def texts(name: str, values: object) -> InputTensor:
    return tensor(name, values, object, "BYTES")


def checked(signature: Signature, *tensors: InputTensor) -> dict[str, list]:
    return {name: array.tolist() for name, array in signature.check(inputs(tensors, signature)).items()}


@pytest.mark.parametrize("name", ["input-0", "age", "instances", "X"])
@pytest.mark.parametrize("signature", [NAMED, Signature((TensorSpec("input-0", "float64", (None, 2)),), ())])
def test_one_table_is_the_rows_whatever_its_name(signature, name):
    assert checked(signature, tensor(name, [[1, 2], [3, 4]])) == {"input-0": [[1, 2], [3, 4]]}


def test_one_nested_tensor_is_the_rows_of_several_axes():
    images = np.arange(12.0).reshape(2, 1, 2, 3)

    assert checked(IMAGES, tensor("x", images)) == {"input-0": images.tolist()}


@pytest.mark.parametrize("values", [["a", "b"], [["a"], ["b"]]])
def test_one_tensor_of_texts_is_the_text(values):
    read = TEXT.check(inputs([texts("anything", values)], TEXT))

    assert read["text"].ravel().tolist() == ["a", "b"]


@pytest.mark.parametrize("shape", [(2,), (2, 1)])
def test_several_tensors_are_columns_by_name_in_any_order(shape):
    age, income = tensor("age", [1, 2]).values.reshape(shape), tensor("income", [3, 4]).values.reshape(shape)

    read = checked(NAMED, InputTensor("income", "FP64", shape, income), InputTensor("age", "FP64", shape, age))

    assert read == {"input-0": [[1, 3], [2, 4]]}


def test_columns_may_be_of_any_datatype_and_missing():
    read = checked(MIXED, texts("city", ["Rome", None]), tensor("age", [7, np.nan], np.float32))

    assert read["city"] == ["Rome", None]
    np.testing.assert_array_equal(read["age"], [7, np.nan])


@pytest.mark.parametrize("values", [[1, 2], [[1], [2]]])
def test_one_column_may_come_with_or_without_a_second_axis(values):
    assert checked(ONE, tensor("age", values)) == {"input-0": [[1], [2]]}


def test_an_array_of_numbers_and_strings_comes_by_position():
    assert checked(POSITIONS, texts("1", ["a", "b"]), tensor("0", [1, 2])) == {"0": [1, 2], "1": ["a", "b"]}


@pytest.mark.parametrize(
    ("signature", "tensors", "message"),
    [
        (NUMBERS, [tensor("input-0", [1, 2, 3, 4])], r"input 'input-0': expected shape \(-1, 4\), got \(4,\)"),
        (NAMED, [tensor("input-0", [1, 2])], r"expected shape \(-1, 2\), got \(2,\)"),
        (MIXED, [tensor("x", [1, 2])], r"expected shape \(-1, 2\), got \(2,\)"),
        (NUMBERS, [tensor("x", [[1, 2]])], r"input 'x': expected shape \(-1, 4\), got \(1, 2\)"),
        (NUMBERS, [tensor("x", [[[1, 2, 3, 4]]])], r"expected shape \(-1, 4\), got \(1, 1, 4\)"),
        (IMAGES, [tensor("x", np.zeros((1, 2, 3)))], r"expected shape \(-1, 1, 2, 3\), got \(1, 2, 3\)"),
        (TEXT, [texts("x", [["a", "b"]])], r"expected shape \(-1,\), got \(1, 2\)"),
        (
            NUMBERS,
            [tensor("a", [1]), tensor("b", [1])],
            r"one of shape \(-1, 4\), since .* without column names, got 2",
        ),
        (TEXT, [texts("a", ["x"]), texts("text", ["y"])], r"expected one of shape \(-1,\), since .* got 2"),
        (NAMED, [tensor("age", [1, 2]), tensor("income", [1])], r"'income': expected shape \(2,\), .* got \(1,\)"),
        (NAMED, [tensor("age", [[1, 2]]), tensor("income", [1])], r"'age': expected shape \(1,\), .* got \(1, 2\)"),
    ],
)
def test_a_shape_that_does_not_fit_is_told_with_the_one_that_does(signature, tensors, message):
    with pytest.raises(InvalidTensor, match=message):
        inputs(tensors, signature)


def test_a_missing_and_an_unknown_column_are_named():
    for tensors, message in (
        ([tensor("age", [1])], "missing column.* 'income'"),
        ([tensor("age", [1]), tensor("income", [1]), tensor("x", [1])], "unknown column.* 'x'"),
    ):
        with pytest.raises(InvalidTensor, match=message):
            checked(NAMED, *tensors)


def test_inputs_have_names_of_their_own():
    with pytest.raises(InvalidRequest, match="inputs: expected each name once, got 'age' more than once"):
        inputs([tensor("age", [1]), tensor("age", [2])], NAMED)
    with pytest.raises(InvalidRequest, match="inputs: expected at least one tensor, got none"):
        inputs([], NAMED)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int64", "uint64", "float16", "float32", "float64"])
def test_numbers_that_float64_holds_become_float64(dtype):
    table = inputs([tensor("x", [[1, 2, 3, 4]], dtype)], NUMBERS)[ROWS]

    assert table.dtype == np.float64
    assert table.tolist() == [[1, 2, 3, 4]]


@pytest.mark.parametrize(
    ("values", "dtype"),
    [([2**53 + 1, 1], "int64"), ([-(2**63), 1], "int64"), ([2**63, 2**64 - 1], "uint64"), ([-(2**53), 0], "int64")],
)
def test_integers_beyond_float64_keep_their_digits(values, dtype):
    column = inputs([tensor("age", values, dtype), texts("city", ["a", "b"])], MIXED)["age"]

    assert column.dtype == object
    assert column.tolist() == values
    assert all(type(value) is int for value in column)


def test_booleans_stay_booleans_for_the_signature_to_judge():
    booleans = tensor("x", [[True, False, True, True]], bool, "BOOL")

    assert inputs([booleans], NUMBERS)[ROWS].tolist() == [[True, False, True, True]]
    with pytest.raises(InvalidTensor, match="row 0, column 0: expected a number, got a boolean"):
        NUMBERS.check(inputs([booleans], NUMBERS))


def test_an_estimator_may_write_into_what_came_as_raw_bytes():
    read_only = np.frombuffer(np.arange(4.0).tobytes()).reshape(1, 4)

    table = inputs([InputTensor("x", "FP64", (1, 4), read_only)], NUMBERS)[ROWS]

    assert table.flags.writeable


def revision(*names: str, classes: tuple = ()) -> Revision:
    specs = tuple(TensorSpec(name, "float64", (None,)) for name in names)
    return Revision("iris", "1", "ab", Signature((), specs, classes=classes), run=None)


@pytest.mark.parametrize(
    ("requested", "names"),
    [
        (None, ["probabilities", "labels"]),
        ([], ["probabilities", "labels"]),
        (["labels"], ["labels"]),
        (["labels", "probabilities"], ["labels", "probabilities"]),
    ],
)
def test_outputs_are_those_requested_or_all(requested, names):
    assert outputs(revision("probabilities", "labels"), requested) == names


def test_an_unknown_output_is_refused_with_those_that_there_are():
    with pytest.raises(InvalidRequest, match="outputs: expected probabilities, labels, got 'scores'"):
        outputs(revision("probabilities", "labels"), ["scores"])
    with pytest.raises(InvalidRequest, match="outputs: expected each name once, got 'labels' more than once"):
        outputs(revision("probabilities", "labels"), ["labels", "labels"])


def test_an_answer_holds_what_was_asked_and_says_which_column_is_which_class():
    asked = revision("probabilities-0", "probabilities-1", "labels", classes=(("a", "b"), (0, 1)))
    computed = {
        "labels": np.array([["a", 1]], dtype=object),
        "probabilities-0": np.array([[0.25, 0.75]], dtype=np.float16),
        "probabilities-1": np.array([[1.0, 0.0]]),
    }

    [second, labels] = answer(asked, ["probabilities-1", "labels"], computed)

    assert (second.name, second.datatype, second.shape) == ("probabilities-1", "FP64", (1, 2))
    assert json.loads(second.parameters["classes"]) == [0, 1]
    assert (labels.name, labels.datatype, labels.values.tolist()) == ("labels", "BYTES", [["a", "1"]])
    assert labels.parameters == {}


def test_probabilities_come_without_classes_where_the_estimator_tells_none():
    [tensor] = answer(revision("probabilities"), ["probabilities"], {"probabilities": np.array([[1.0]])})

    assert tensor.parameters == {}
