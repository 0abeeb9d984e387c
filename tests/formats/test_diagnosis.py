import numpy as np
import pytest

from model_deployment_app.formats._diagnosis import find_fault

WITNESS = {"a": np.array([0.0]), "b": np.array([[0.0, 0.0, 0.0]])}


def inputs(rows: int) -> dict[str, np.ndarray]:
    return {"a": np.zeros(rows), "b": np.zeros((rows, 3))}


def refuses_13(part) -> bool:
    return any((array == 13).any() for array in part.values())


@pytest.mark.parametrize("row", [0, 3, 6])
@pytest.mark.parametrize("position", [0, 1, 2])
def test_the_row_and_the_column_are_found(row, position):
    given = inputs(7)
    given["b"][row, position] = 13

    assert find_fault(refuses_13, given, WITNESS) == (row, "b", position)


def test_a_column_of_its_own_has_no_position():
    given = inputs(2)
    given["a"][1] = 13

    assert find_fault(refuses_13, given, WITNESS) == (1, "a", None)


def test_of_several_faults_one_is_named():
    given = inputs(4)
    given["b"][1, 0] = given["b"][1, 2] = 13

    row, name, position = find_fault(refuses_13, given, WITNESS)

    assert (row, name) == (1, "b")
    assert position in (0, 2)


def test_a_broken_model_is_not_blamed_on_a_row():
    assert find_fault(lambda part: True, inputs(4), WITNESS) is None


def test_rows_that_only_fail_together_are_not_blamed():
    assert find_fault(lambda part: len(part["a"]) > 2, inputs(4), WITNESS) is None


def test_a_wide_table_is_searched_in_few_calls():
    calls = []
    given = {"b": np.zeros((1000, 1000))}
    given["b"][777, 333] = 13

    found = find_fault(lambda part: calls.append(1) or refuses_13(part), given, {"b": np.zeros((1, 1000))})

    assert found == (777, "b", 333)
    assert len(calls) < 40
