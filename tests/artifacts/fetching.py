"""Fetching, as the tests of stores do it."""

import hashlib
from pathlib import Path

import pytest

from model_deployment_app import artifacts
from model_deployment_app.errors import LoadError

BYTES = bytes(range(256)) * 512
DIGEST = hashlib.sha256(BYTES).hexdigest()
URI = "gs://models/iris"


def fetch(uri: str, cache_dir: Path, sha256: str | None = None, **more: object) -> artifacts.Artifact:
    """The artifact, its file read and closed."""
    artifact = artifacts.fetch(uri, sha256=sha256, project="acme", cache_dir=cache_dir, **more)
    with artifact.file:
        assert hashlib.sha256(artifact.file.read()).hexdigest() == artifact.sha256
    return artifact


def refusal(uri: str, cache_dir: Path, error: type[LoadError], sha256: str | None = None, **more: object) -> str:
    with pytest.raises(error) as caught:
        fetch(uri, cache_dir, sha256, **more)
    line = str(caught.value)
    assert type(caught.value) is error
    assert line.startswith(uri)
    assert "\n" not in line
    return line
