from pathlib import Path

import pytest

from model_deployment_app import errors

PAGE = Path(__file__).parents[2] / "docs" / "TROUBLESHOOTING.md"


def _codes(root: type[errors.ServingError] = errors.ServingError) -> list[str]:
    return [code for child in root.__subclasses__() for code in (child.__name__, *_codes(child))]


@pytest.mark.parametrize("code", _codes())
def test_every_code_has_an_entry(code):
    assert f"### {code}\n" in PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("code", _codes())
def test_the_tree_on_top_of_the_module_shows_every_class_with_its_status(code):
    error = getattr(errors, code)

    [line] = [line for line in errors.__doc__.splitlines() if f" {code} " in line]

    never = errors.LoadError | errors.ChartError | errors.DeployError
    is_client_facing = not issubclass(error, never) or error is errors.LoadError
    assert f" {error.http_status:d} " in f"{line} " or not is_client_facing
