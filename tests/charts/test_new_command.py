"""`mda new`, as somebody types it in the root of the repository."""

import contextlib
import os
import pty
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
import yaml
from click.testing import Result
from typer.testing import CliRunner

from model_deployment_app.cli.new import new
from model_deployment_app.errors import ChartError

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def mda_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run the command where chart_template/ and an empty k8s_dev/ are."""
    (tmp_path / "chart_template").symlink_to(REPOSITORY / "chart_template")
    (tmp_path / "k8s_dev").mkdir()
    monkeypatch.chdir(tmp_path)
    app = typer.Typer()
    app.command()(new)
    return lambda *arguments: CliRunner().invoke(app, arguments)


def values_of(chart: str) -> dict:
    return yaml.safe_load(Path("k8s_dev", chart, "values.yaml").read_text())


def test_a_name_is_enough(mda_new: Callable[..., Result]) -> None:
    result = mda_new("iris")

    assert result.exit_code == 0, result.output
    assert values_of("iris")["config"]["name"] == "iris"


def test_the_next_commands_are_told(mda_new: Callable[..., Result]) -> None:
    lines = mda_new("iris").output.splitlines()

    assert lines == [
        "k8s_dev/iris is written. Next:",
        "  edit k8s_dev/iris/values.yaml",
        "  helm lint --strict k8s_dev/iris",
        "  make serve MODEL=iris",
        "  git add k8s_dev/iris",
    ]


def test_questions_are_answered_by_key_and_value(mda_new: Callable[..., Result]) -> None:
    mda_new("iris", "--set", "job=regression", "--set", 'example={"a": "b=c"}', "--yes")

    assert values_of("iris")["config"]["job"] == "regression"
    assert values_of("iris")["config"]["example"] == {"a": "b=c"}


def test_make_hands_its_variables_over(mda_new: Callable[..., Result]) -> None:
    mda_new("--make-flags", r" -- DESCRIPTION=two\ words JOB=regression NAME=iris")

    assert values_of("iris")["config"]["job"] == "regression"
    assert yaml.safe_load(Path("k8s_dev/iris/Chart.yaml").read_text())["description"] == "two words"


def test_what_is_typed_wins_over_what_make_hands_over(mda_new: Callable[..., Result]) -> None:
    mda_new("wine", "--set", "replicas=2", "--make-flags", " -- NAME=iris REPLICAS=3")

    assert values_of("wine")["replicaCount"] == 2


def test_a_chart_may_go_elsewhere(mda_new: Callable[..., Result], tmp_path: Path) -> None:
    Path("charts").mkdir()

    mda_new("iris", "--into", "charts")

    assert Path("charts/iris/values.yaml").is_file()


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["Iris"], "model_name: expected at most 52"),
        ([], "model_name: missing; give NAME="),
        (["iris", "--set", "model_name=rose"], "model_name: iris and rose were both given"),
        (["iris", "--set", "job"], "--set job: expected KEY=VALUE"),
        (["iris", "--set", "jobs=x"], "jobs: unknown; known are model_name"),
        (["--make-flags", " -- NAM=iris"], "NAM: unknown; known are NAME"),
        (["iris", "--into", "elsewhere"], "elsewhere: no such folder"),
        (["iris", "--template", "elsewhere"], "cookiecutter.json: not found"),
    ],
)
def test_what_does_not_work_is_a_chart_error(mda_new: Callable[..., Result], arguments: list[str], line: str) -> None:
    result = mda_new(*arguments)

    assert isinstance(result.exception, ChartError)
    assert line in str(result.exception)
    assert list(Path("k8s_dev").iterdir()) == []


@pytest.fixture
def terminal(tmp_path: Path) -> Callable[..., str]:
    """Run the real command on a terminal, press Enter at every question, and return what was shown."""
    (tmp_path / "chart_template").symlink_to(REPOSITORY / "chart_template")
    (tmp_path / "k8s_dev").mkdir()

    def run(*arguments: str) -> str:
        child, master = pty.fork()
        if child == 0:
            os.chdir(tmp_path)
            os.execv(sys.executable, [sys.executable, "-m", "model_deployment_app", "new", *arguments])
        os.write(master, b"\n" * 40)
        shown = b""
        with contextlib.suppress(OSError):  # how Linux says that the other side has closed
            while chunk := os.read(master, 4096):
                shown += chunk
        os.waitpid(child, 0)
        os.close(master)
        return shown.decode()

    return run


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_terminal_is_asked_what_was_not_given(terminal: Callable[..., str], tmp_path: Path) -> None:
    shown = terminal("iris", "--set", "job=regression", "--set", "replicas=3")

    values = yaml.safe_load((tmp_path / "k8s_dev/iris/values.yaml").read_text())
    assert "[1/23]" in shown
    assert "bucket" in shown.lower()
    assert "Name of the model" not in shown
    assert (values["config"]["job"], values["replicaCount"]) == ("regression", 3)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_terminal_is_asked_nothing_after_a_wrong_answer(terminal: Callable[..., str]) -> None:
    shown = terminal("iris", "--set", "replicas=x")

    assert "replicas: expected a positive integer" in shown
    assert "[1/" not in shown
