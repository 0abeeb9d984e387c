"""The targets as a user types them, in a checkout of their own that shares this one's environment."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHARED = ("Makefile", "pyproject.toml", "scripts", "chart_template", ".venv")

Make = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name in SHARED:
        (tmp_path / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "k8s_dev", tmp_path / "k8s_dev")
    return tmp_path


@pytest.fixture
def make(checkout: Path, helm: str) -> Make:
    # The variables of a make that runs these tests must not reach the make under test.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["make", *words], cwd=checkout, env={**environment, "HELM": helm}, capture_output=True, text=True
        )

    return run


def test_make_alone_lists_the_targets(make: Make) -> None:
    shown = make().stdout

    for target in ("install", "demo", "test", "lint", "new-model", "serve"):
        assert f"{target} " in shown


def test_a_new_model_is_answered_by_variables(make: Make, checkout: Path) -> None:
    result = make("new-model", "NAME=rose", "JOB=regression", 'DESCRIPTION=it\'s "$5" & more \\ ünï', "INPUT_SIZE=7")

    assert result.returncode == 0, result.stderr
    assert "make serve MODEL=rose" in result.stdout
    assert "inputSize: 7" in (checkout / "k8s_dev/rose/values.yaml").read_text()
    assert 'it\'s \\"$5\\" & more \\\\ ünï' in (checkout / "k8s_dev/rose/Chart.yaml").read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("serve",), "MODEL= is missing; k8s_dev has: iris"),
        (("serve", "MODEL=rose"), "there is no k8s_dev/rose; k8s_dev has: iris"),
        (("new-model", "NAME=rose", "JOBB=regression"), "JOBB: unknown; known are NAME, "),
        (("new-model", "NAME=iris"), "model_name: k8s_dev/iris exists already"),
        (("new-model", "NAME=rose", "INGRESS_PATH=/iris/"), "ingress_path: k8s_dev/iris has the ingress path"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(make: Make, words: tuple[str, ...], message: str) -> None:
    result = make(*words)

    assert result.returncode != 0
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_a_served_chart_reads_the_artifact_that_is_named(make: Make, tmp_path: Path) -> None:
    result = make("serve", "MODEL=iris", f"MODEL_PATH={tmp_path}/nothing here.joblib")

    assert f"mda: ArtifactNotFound: {tmp_path}/nothing here.joblib: no such file" in result.stderr
