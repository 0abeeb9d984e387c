import numpy as np
import pytest

from model_deployment_app.errors import InferenceError
from model_deployment_app.tensors import concat, from_rows, from_values, n_rows, split


def test_numbers_and_nulls_become_float64_with_nan():
    column = from_values([1, 2.5, None])

    assert column.dtype == np.float64
    np.testing.assert_array_equal(column, [1.0, 2.5, np.nan])


def test_mixed_values_stay_what_they_are():
    column = from_values([1, "a", None, True, [2], {"b": 3}])

    assert column.dtype == object
    assert column.tolist() == [1, "a", None, True, [2], {"b": 3}]


def test_booleans_are_not_taken_for_numbers():
    assert from_values([True, 1]).dtype == object


def test_nothing_but_nulls_stays_undecided():
    assert from_values([None, None]).tolist() == [None, None]


def test_an_integer_beyond_float64_survives_to_be_named_later():
    assert from_values([1, 10**400]).tolist() == [1, 10**400]


def test_rows_of_lists_keep_lists_as_cells():
    table = from_rows([[1, [2, 3]], ["a", None]])

    assert table.shape == (2, 2)
    assert table.tolist() == [[1, [2, 3]], ["a", None]]


def test_rows_are_counted_on_the_first_axis():
    assert n_rows({"a": np.zeros((3, 2)), "b": np.zeros(3)}) == 3
    assert n_rows({}) == 0


def test_what_was_joined_is_cut_again():
    batch = [
        {"a": np.arange(4.0).reshape(2, 2), "b": np.array(["x", None], dtype=object)},
        {"a": np.array([[9.0, 9.0]]), "b": np.array(["y"], dtype=object)},
    ]

    parts = split(concat(batch), [2, 1])

    for part, original in zip(parts, batch, strict=True):
        for name, array in original.items():
            assert part[name].dtype == array.dtype
            assert part[name].tolist() == array.tolist()


@pytest.mark.parametrize("answer", [np.zeros(4), np.zeros((2, 3)), np.float64(3)])
def test_an_answer_of_another_number_of_rows_is_not_cut(answer):
    with pytest.raises(InferenceError, match=r"labels: expected 3 row\(s\), the model answered shape"):
        split({"labels": np.asarray(answer)}, [1, 2])
