import numpy as np

from model_deployment_app.tensors import from_rows, from_values, n_rows


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
