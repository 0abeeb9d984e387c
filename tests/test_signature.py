import numpy as np
import pytest

from model_deployment_app.errors import InvalidTensor
from model_deployment_app.signature import Signature, TensorSpec
from model_deployment_app.tensors import ROWS, from_rows, from_values

MATRIX = Signature((TensorSpec("input-0", "float64", (None, 2)),), ())
NAMED = Signature((TensorSpec("input-0", "float64", (None, 2), ("age", "height")),), (), is_named=True)
MIXED = Signature(
    (
        TensorSpec("city", "str", (None,)),
        TensorSpec("age", "float64", (None,)),
        TensorSpec("code", "object", (None,)),
    ),
    (),
    is_named=True,
)
IMAGES = Signature((TensorSpec("input-0", "float64", (None, 1, 2, 2)),), ())
TEXT = Signature((TensorSpec("text", "str", (None,)),), ())


def rows(*instances: list) -> dict[str, np.ndarray]:
    return {ROWS: from_rows(list(instances))}


def columns(**values: list) -> dict[str, np.ndarray]:
    return {name: from_values(column) for name, column in values.items()}


def test_a_table_of_numbers_passes_without_a_copy():
    table = np.array([[1.0, 2.0]])

    assert MATRIX.check({ROWS: table})["input-0"] is table


def test_columns_are_matched_by_name_in_any_order():
    checked = NAMED.check(columns(height=[180.0, 170.0], age=[30.0, 20.0]))

    np.testing.assert_array_equal(checked["input-0"], [[30, 180], [20, 170]])


def test_a_mixed_table_is_taken_by_position_and_by_name_alike():
    by_position = MIXED.check(rows(["Rome", 30, "x"], ["Oslo", None, 7]))
    by_name = MIXED.check(columns(age=[30, None], code=["x", 7], city=["Rome", "Oslo"]))

    for name in ("city", "age", "code"):
        np.testing.assert_array_equal(by_position[name], by_name[name])
    assert by_name["age"].dtype == np.float64
    assert list(by_name) == ["city", "age", "code"]


def test_null_is_nan_among_numbers_and_none_among_strings():
    checked = MIXED.check(rows([None, None, None]))

    assert checked["city"].tolist() == [None]
    assert np.isnan(checked["age"]).all()


def test_booleans_are_numbers_only_to_estimators_that_know_data_frames():
    np.testing.assert_array_equal(NAMED.check(rows([True, 180]))["input-0"], [[1, 180]])

    with pytest.raises(InvalidTensor, match="row 0, column 0: expected a number, got a boolean"):
        MATRIX.check(rows([True, 180]))


def test_text_comes_as_strings_or_as_rows_of_one():
    assert TEXT.check({ROWS: from_values(["a", "b"])})["text"].tolist() == ["a", "b"]
    assert TEXT.check(rows(["a"], ["b"]))["text"].tolist() == ["a", "b"]


def test_nested_rows_of_numbers_pass_without_a_copy():
    images = np.zeros((2, 1, 2, 2))

    assert IMAGES.check({ROWS: images})["input-0"] is images


def test_nested_rows_may_hold_nulls_and_long_integers():
    checked = IMAGES.check(rows([[[None, 2], [3, 2**60]]]))

    np.testing.assert_array_equal(checked["input-0"], [[[[np.nan, 2], [3, 2.0**60]]]])


@pytest.mark.parametrize(
    ("signature", "tensors", "message"),
    [
        (MATRIX, rows([1, 2, 3]), "row 0: expected 2 values, got 3"),
        (MATRIX, rows([1, 2], [1, "a"]), "row 1, column 1: expected a number, got a string"),
        (MATRIX, rows([1, [2]]), "row 0, column 1: expected a number, got an array"),
        (MATRIX, rows([1, 10**400]), "row 0, column 1: expected a number within float64, got one beyond"),
        (MATRIX, {ROWS: from_values([1, 2])}, "row 0: expected 2 values in an array, got a number"),
        (MATRIX, {ROWS: from_values(["a"])}, "row 0: expected 2 values in an array, got a string"),
        (MATRIX, columns(age=[1]), "fitted without column names: send each row as 2 values"),
        (MATRIX, {}, "fitted without column names"),
        (NAMED, columns(age=[1]), "missing column(s) 'height'; expected 'age', 'height'"),
        (NAMED, {}, "missing column(s) 'age', 'height'"),
        (NAMED, columns(age=[1], height=[2], weight=[3]), "unknown column(s) 'weight'; expected 'age', 'height'"),
        (NAMED, columns(age=[1, 2], height=[1]), "column 'height': expected 2 value(s) like the first column, got 1"),
        (NAMED, columns(age=[1], height=["a"]), "row 0, column 'height': expected a number, got a string"),
        (MIXED, columns(age=[1], code=[1], city=[3]), "row 0, column 'city': expected a string, got a number"),
        (MIXED, rows(["Rome", 1, {"a": 1}]), "row 0, column 'code': expected a number or a string, got an object"),
        (MIXED, {ROWS: np.zeros((2, 3))}, "row 0, column 'city': expected a string, got a number"),
        (TEXT, {ROWS: from_values(["a", 2])}, "row 1, column text: expected a string, got a number"),
        (TEXT, rows(["a", "b"]), "row 0: expected a string, got 2"),
        (TEXT, {ROWS: np.zeros((1, 2, 2))}, "row 0: expected a string, got nested arrays of shape (2, 2)"),
        (MATRIX, {ROWS: np.zeros((1, 2, 2))}, "row 0: expected 2 values, got nested arrays of shape (2, 2)"),
        (IMAGES, {ROWS: np.zeros((3, 4))}, "row 0: expected nested arrays of shape (1, 2, 2), got shape (4,)"),
        (
            IMAGES,
            {ROWS: np.zeros((3, 1, 2, 3))},
            "row 0: expected nested arrays of shape (1, 2, 2), got shape (1",
        ),
        (IMAGES, {ROWS: from_values([1])}, "row 0: expected nested arrays of shape (1, 2, 2), got a number"),
        (IMAGES, {ROWS: from_values(["a"])}, "row 0: expected nested arrays of shape (1, 2, 2), got a string"),
        (
            IMAGES,
            rows([[[1, 2], [3, 4]]], [[[1, 2], [3]]]),
            "row 1: expected nested arrays of shape (1, 2, 2), got arrays of unequal lengths",
        ),
        (
            IMAGES,
            rows([[[[[[[[[[1]]]]]]]]]]),
            "row 0: expected nested arrays of shape (1, 2, 2), got more than 8 levels",
        ),
        (IMAGES, rows([[[1, 2], [3, "a"]]]), "row 0: expected numbers, got a string"),
        (IMAGES, rows([[[1, 2], [3, True]]]), "row 0: expected numbers, got a boolean"),
        (IMAGES, rows([[[1, 2], [3, {"a": 1}]]]), "row 0: expected numbers, got an object"),
        (IMAGES, rows([[[1, 2], [3, 10**400]]]), "row 0: expected numbers within float64, got one beyond"),
        (IMAGES, columns(age=[1]), "expected each row as nested arrays of shape (1, 2, 2), not as an object"),
    ],
)
def test_what_does_not_fit_is_named_by_row_and_column(signature, tensors, message):
    with pytest.raises(InvalidTensor) as raised:
        signature.check(tensors)

    assert message in str(raised.value)


def test_a_message_lists_a_wide_table_in_part():
    wide = Signature((TensorSpec("input-0", "float64", (None, 500), tuple(f"f{i}" for i in range(500))),), (), True)

    with pytest.raises(InvalidTensor) as raised:
        wide.check(columns(f0=[1.0]))

    assert "and 489 more" in str(raised.value)
    assert len(str(raised.value)) < 300


def test_a_column_may_be_called_like_the_unnamed_rows():
    signature = Signature((TensorSpec("input-0", "float64", (None, 1), (ROWS,)),), (), is_named=True)

    np.testing.assert_array_equal(signature.check({ROWS: from_values([1, 2])})["input-0"], [[1], [2]])
