"""The targets as a user types them, in a checkout of their own that shares this one's environment."""

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from importlib.metadata import version
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


@pytest.mark.parametrize(
    ("words", "needs_torch"),
    [
        (("install",), False),
        (("demo",), False),
        (("serve", "MODEL=iris"), False),
        (("demo", "MODEL_KIND=torch"), True),
        (("test",), True),
        (("lint",), True),
    ],
)
def test_pytorch_is_installed_only_where_it_is_needed(make: Make, words: tuple[str, ...], needs_torch: bool) -> None:
    commands = make("--dry-run", "VENV=not-there", *words).stdout

    assert "-m venv not-there" in commands
    assert ("torch==" in commands) is needs_torch


def test_pytorch_is_installed_once(make: Make, checkout: Path) -> None:
    (checkout / "made").mkdir()
    for stamp in (".installed", ".with-torch"):
        (checkout / "made" / stamp).touch()

    again = make("--dry-run", "VENV=made", "install-torch").stdout

    assert "pip install" not in again


def test_a_new_model_is_answered_by_variables(make: Make, checkout: Path) -> None:
    result = make("new-model", "NAME=rose", "JOB=regression", 'DESCRIPTION=it\'s "$5" & more \\ ünï', "INPUT_SIZE=7")

    assert result.returncode == 0, result.stderr
    assert "make serve MODEL=rose" in result.stdout
    assert "inputSize: 7" in (checkout / "k8s_dev/rose/values.yaml").read_text()
    assert 'it\'s \\"$5\\" & more \\\\ ünï' in (checkout / "k8s_dev/rose/Chart.yaml").read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("demo", "MODEL_KIND=keras"), "MODEL_KIND=keras: expected sklearn or torch"),
        (("serve",), "MODEL= is missing; k8s_dev has: iris"),
        (("serve", "MODEL=rose"), "there is no k8s_dev/rose; k8s_dev has: iris"),
        (("k8s-deploy", "MODEL=rose"), "there is no k8s_dev/rose; k8s_dev has: iris"),
        (("k8s-undeploy",), "MODEL= is missing; k8s_dev has: iris"),
        (("k8s-template", "MODEL=iris", "ENV=prod"), "k8s_dev/iris has the environments: none"),
        (("chart-app-version", "MODEL=iris", "VERSION=1+2"), "cannot be the tag of an image"),
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


def test_the_manifests_are_those_of_the_same_values(make: Make, checkout: Path) -> None:
    (checkout / "k8s_dev/iris/values-prod.yaml").write_text("replicaCount: 3\n")
    arguments = "--set-string 'podLabels.team=a b' --set podAnnotations.sum=$$5"

    result = make("k8s-template", "MODEL=iris", "ENV=prod", "IMAGE_TAG=7.0.0", f"HELM_ARGS={arguments}")

    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("---\n# Source: iris/")
    for line in ("replicas: 3", ':7.0.0"', "team: a b", "sum: $5"):
        assert line in result.stdout


def test_a_chart_s_deploy_mk_gives_defaults_that_the_command_line_overrides(make: Make, checkout: Path) -> None:
    (checkout / "k8s_dev/iris/deploy.mk").write_text("NAMESPACE = team-a\n")

    of_chart = make("--dry-run", "k8s-status", "MODEL=iris").stdout
    of_user = make("--dry-run", "k8s-status", "MODEL=iris", "NAMESPACE=mine").stdout

    assert 'mda status iris --namespace "team-a"' in of_chart
    assert 'mda status iris --namespace "mine"' in of_user


def test_a_chart_moves_to_another_version_of_the_application(make: Make, checkout: Path) -> None:
    result = make("chart-app-version", "MODEL=iris", "VERSION=9.8.7")

    assert result.returncode == 0, result.stderr
    assert 'appVersion: "9.8.7"' in (checkout / "k8s_dev/iris/Chart.yaml").read_text()


def test_a_bump_is_what_the_command_line_says_of_itself(make: Make, checkout: Path) -> None:
    # An environment of its own: a bump installs the checkout anew.
    for name in ("pyproject.toml", ".venv", "scripts"):
        (checkout / name).unlink()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, checkout)
    shutil.copytree(ROOT / "scripts", checkout / "scripts")
    shutil.copytree(ROOT / "model_deployment_app", checkout / "model_deployment_app")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", checkout / ".venv"], check=True)
    [packages] = (checkout / ".venv/lib").glob("python3*/site-packages")
    (packages / "shared.pth").write_text(sysconfig.get_path("purelib"))
    (checkout / ".venv/bin/poetry").symlink_to(ROOT / ".venv/bin/poetry")
    (checkout / ".venv/.installed").touch()

    result = make("bump", "PART=major")

    assert result.returncode == 0, result.stderr
    said = subprocess.run([checkout / ".venv/bin/mda", "--version"], capture_output=True, text=True).stdout
    assert result.stdout == f"Bumping version from {version('model-deployment-app')} to {said}"
