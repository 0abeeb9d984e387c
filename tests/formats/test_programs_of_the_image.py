"""What is in the image and runs or writes what it is told to."""

import numpy as np
import pytest

from model_deployment_app.formats._allowed import is_program
from model_deployment_app.passport import Golden


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("torch.fx.graph_module", "_exec_with_source"),
        ("torch.testing._internal.common_utils", "shell"),
        ("dotenv.main", "set_key"),
        ("typer", "launch"),
        ("click.termui", "edit"),
        ("pydantic._internal._validators", "import_string"),
        ("numpy._core.multiarray", "fromfile"),
    ],
)
def test_they_are_programs(module: str, name: str) -> None:
    assert is_program(module, name)


def test_a_recorded_number_beyond_floats_differs() -> None:
    golden = Golden(instances=[[1]], outputs={"values": [10**400]}, rtol=0, atol=0)
    assert golden.first_difference({"values": np.array([1.0])}) == (0, "values")
