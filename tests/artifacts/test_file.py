"""``file:///path``: found, or refused in one line that says what is there instead."""

import hashlib
from pathlib import Path

import pytest

from model_deployment_app import artifacts
from model_deployment_app.errors import ArtifactNotFound, ArtifactRejected, LoadError

BYTES = b"an artifact"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A published model: one artifact and what lies beside it."""
    folder = tmp_path / "a model, ünïcode & 100%"
    folder.mkdir()
    (folder / "iris.joblib").write_bytes(BYTES)
    for companion in ("passport.json", "README.md", "report.html", ".hidden"):
        (folder / companion).write_text("beside the model")
    return folder


def fetch(path: Path, cache_dir: Path, sha256: str | None = None) -> artifacts.Artifact:
    """The artifact, its file read and closed."""
    artifact = artifacts.fetch(path.as_uri(), sha256=sha256, cache_dir=cache_dir)
    with artifact.file:
        assert artifact.file.read() == BYTES
    return artifact


def refusal(path: Path, cache_dir: Path, error: type[LoadError], sha256: str | None = None) -> str:
    with pytest.raises(error) as caught:
        fetch(path, cache_dir, sha256)
    line = str(caught.value)
    assert "\n" not in line
    return line


def test_a_file_is_used_where_it_lies(folder: Path, tmp_path: Path) -> None:
    path = folder / "iris.joblib"

    artifact = fetch(path, tmp_path / "cache")

    assert artifact.file.name == str(path)
    assert artifact.sha256 == hashlib.sha256(BYTES).hexdigest()
    assert artifact.size_bytes == len(BYTES)
    assert not (tmp_path / "cache").exists()


def test_a_folder_stands_for_its_only_artifact(folder: Path, tmp_path: Path) -> None:
    artifact = fetch(folder, tmp_path / "cache")

    assert artifact.file.name == str(folder / "iris.joblib")


def test_a_folder_inside_the_folder_is_no_artifact(folder: Path, tmp_path: Path) -> None:
    (folder / "checkpoints").mkdir()

    artifact = fetch(folder, tmp_path / "cache")

    assert artifact.file.name == str(folder / "iris.joblib")


def test_a_folder_with_two_artifacts_is_refused_and_both_are_named(folder: Path, tmp_path: Path) -> None:
    (folder / "iris.pkl").write_bytes(BYTES)

    line = refusal(folder, tmp_path / "cache", ArtifactNotFound)

    assert "iris.joblib, iris.pkl" in line
    assert "name one of them" in line


def test_a_folder_without_an_artifact_is_refused(folder: Path, tmp_path: Path) -> None:
    (folder / "iris.joblib").unlink()

    line = refusal(folder, tmp_path / "cache", ArtifactNotFound)

    assert "holds no artifact" in line


def test_a_missing_file_names_what_is_near(folder: Path, tmp_path: Path) -> None:
    line = refusal(folder / "irsi.joblib", tmp_path / "cache", ArtifactNotFound)

    assert "no such file or folder" in line
    assert "iris.joblib" in line


def test_a_missing_volume_is_told_from_a_missing_file(tmp_path: Path) -> None:
    line = refusal(tmp_path / "mnt" / "models" / "iris.joblib", tmp_path / "cache", ArtifactNotFound)

    assert "is the volume mounted?" in line
    assert "--model-path" in line


def test_a_file_in_the_place_of_a_folder_is_refused(folder: Path, tmp_path: Path) -> None:
    line = refusal(folder / "iris.joblib" / "iris.joblib", tmp_path / "cache", ArtifactNotFound)

    assert "no such file or folder" in line


def test_a_dangling_link_is_refused(folder: Path, tmp_path: Path) -> None:
    (folder / "latest.joblib").symlink_to(folder / "gone.joblib")

    line = refusal(folder / "latest.joblib", tmp_path / "cache", ArtifactNotFound)

    assert "latest.joblib" in line


def test_the_wanted_digest_is_accepted(folder: Path, tmp_path: Path) -> None:
    digest = hashlib.sha256(BYTES).hexdigest()

    artifact = fetch(folder, tmp_path / "cache", digest)

    assert artifact.sha256 == digest


def test_another_digest_is_refused_and_both_are_named(folder: Path, tmp_path: Path) -> None:
    wanted = "0" * 64

    line = refusal(folder, tmp_path / "cache", ArtifactRejected, wanted)

    assert wanted in line
    assert hashlib.sha256(BYTES).hexdigest() in line
    assert "config.model.sha256" in line
