import pytest

from model_deployment_app.cluster import commands
from model_deployment_app.errors import DeployError, ToolMissing


def test_what_a_program_prints_is_returned() -> None:
    assert commands.run("bash", "-c", "echo told; echo warned >&2") == "told\n"


def test_a_program_that_fails_is_told_of_by_its_last_words() -> None:
    with pytest.raises(DeployError, match=r"^bash -c: no such release$"):
        commands.run("bash", "-c", "echo 'W1 warned' >&2; echo 'Error: no such release' >&2; exit 3")


@pytest.mark.parametrize(
    ("name", "remedy"), [("helm", "run `make install`"), ("kubectl", "https://kubernetes.io/docs/tasks/tools")]
)
def test_a_missing_program_is_told_how_to_get(name: str, remedy: str) -> None:
    with pytest.raises(ToolMissing, match=remedy):
        commands.run(f"/nowhere/{name}", "version")
