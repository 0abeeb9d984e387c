"""In a repository of its own: what a release is, and what needs a new version."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts/version_check.py"


class Repository:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.git("init", "--quiet")
        self.release_as("0.1.0")
        self.write("model_deployment_app/model.py", "one")
        self.commit()

    def git(self, *words: str) -> None:
        who = ["-c", "user.name=tester", "-c", "user.email=tester@localhost"]
        subprocess.run(["git", *who, *words], cwd=self.folder, check=True)

    def write(self, path: str, text: str) -> None:
        (self.folder / path).parent.mkdir(exist_ok=True)
        (self.folder / path).write_text(text)

    def release_as(self, version: str) -> None:
        self.write("pyproject.toml", f'[project]\nversion = "{version}"\n')

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "change")

    def check(self) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, SCRIPT], cwd=self.folder, capture_output=True, text=True)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


@pytest.fixture
def released(repository: Repository) -> Repository:
    repository.git("tag", "v0.1.0")
    return repository


def test_before_the_first_release_nothing_is_wrong(repository: Repository) -> None:
    repository.git("tag", "a-mark")

    result = repository.check()

    assert (result.returncode, result.stdout) == (0, "version 0.1.0: no release is tagged yet\n")


def test_a_change_elsewhere_needs_no_version(released: Repository) -> None:
    released.write("docs/API.md", "two")
    released.commit()

    result = released.check()

    assert (result.returncode, result.stdout) == (0, "version 0.1.0: nothing has changed since v0.1.0\n")


@pytest.mark.parametrize("is_committed", [True, False])
@pytest.mark.parametrize("file", ["model.py", "new.py"])
def test_a_change_of_the_package_needs_one(released: Repository, file: str, is_committed: bool) -> None:
    released.write(f"model_deployment_app/{file}", "two")
    if is_committed:
        released.commit()

    result = released.check()

    assert result.returncode == 1
    assert f"model_deployment_app/{file}" in result.stderr
    assert "make bump PART=patch" in result.stderr


def test_with_a_new_version_the_package_may_change(released: Repository) -> None:
    released.write("model_deployment_app/model.py", "two")
    released.release_as("0.1.1")

    result = released.check()

    assert (result.returncode, result.stdout) == (0, "version 0.1.1: raised since v0.1.0\n")


@pytest.mark.parametrize(
    ("version", "is_raised"), [("0.1.1", True), ("0.10.0", True), ("1.0.0", True), ("0.0.9", False)]
)
def test_only_a_higher_version_is_a_new_one(released: Repository, version: str, is_raised: bool) -> None:
    released.write("model_deployment_app/model.py", "two")
    released.release_as(version)

    result = released.check()

    assert (result.returncode == 0) is is_raised
