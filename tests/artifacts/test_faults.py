"""Every row of the table of faults."""

import pytest

from .case import SKIPPED, Case
from .cases import CASES


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_fault_ends_as_the_table_says(case: Case) -> None:
    result = case.run()

    if result.outcome.code == SKIPPED:
        pytest.skip(result.outcome.said)
    assert result.wrong == [], result
