"""What the image targets of make ask docker for: one that writes down how it is called stands in for it."""

import os
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]

Make = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    """What the stand-in was called with, a line for each call; first comes whether it answers."""
    return tmp_path / "calls"


@pytest.fixture
def make(tmp_path: Path, calls: Path) -> Make:
    docker = tmp_path / "docker"
    docker.write_text(f'#!/bin/sh\necho "$@" >> {calls}\n')
    docker.chmod(0o755)
    ours = ("MAKE", "REGISTRY", "PUSH", "VARIANT", "PLATFORM", "BUILD_ARGS")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = ["make", f"DOCKER={docker}", *words]
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)

    return run


@pytest.mark.parametrize(
    ("words", "image"),
    [
        (("docker-base",), f"model-deployment-app:{VERSION}"),
        (("docker-base", "VARIANT=cpu"), f"model-deployment-app:{VERSION}-cpu"),
        (("docker-base", "VARIANT=cuda"), f"model-deployment-app:{VERSION}-cuda"),
        (("docker-ci-test",), f"model-deployment-app-ci:{VERSION}"),
    ],
    ids=" ".join,
)
def test_an_image_is_built_under_its_version_and_pushed(
    make: Make, calls: Path, words: tuple[str, ...], image: str
) -> None:
    result = make(*words, "REGISTRY=gcr.io/acme")

    [_, build, push] = calls.read_text().splitlines()
    assert result.returncode == 0, result.stderr
    assert build.startswith("build ")
    assert f" --tag gcr.io/acme/{image} " in build
    assert f" --label org.opencontainers.image.version={VERSION} " in build
    assert push == f"push gcr.io/acme/{image}"


def test_an_image_is_only_built_when_it_is_not_to_be_pushed(make: Make, calls: Path) -> None:
    make("docker-base", "PUSH=0", "PLATFORM=linux/arm64", "BUILD_ARGS=--no-cache")

    [_, build] = calls.read_text().splitlines()
    assert f" --tag model-deployment-app:{VERSION} --platform=linux/arm64 " in build
    assert build.endswith(" --no-cache .")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("docker-base",), "REGISTRY= is missing, such as REGISTRY=gcr.io/my-project; PUSH=0 only builds"),
        (("docker-ci-test",), "REGISTRY= is missing, such as REGISTRY=gcr.io/my-project; PUSH=0 only builds"),
        (("docker-base", "PUSH=0", "VARIANT=gpu"), "VARIANT=gpu: expected sklearn, cpu or cuda"),
        (("docker-base", "DOCKER=/no/docker"), "/no/docker does not answer: start it, or name another by DOCKER="),
        (("docker-base", "DOCKER="), "neither docker nor podman answers: install or start one, or name one by DOCKER="),
    ],
    ids=" ".join,
)
def test_what_cannot_be_built_is_told_in_one_line(
    make: Make, calls: Path, words: tuple[str, ...], message: str
) -> None:
    result = make(*words)

    assert result.returncode == 2
    assert result.stderr.splitlines()[0] == message
    assert not calls.exists() or "build" not in calls.read_text()
