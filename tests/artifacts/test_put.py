"""Copying a file into a store."""

import contextlib
import hashlib

import pytest
from gcp_storage_emulator.server import create_server
from google.cloud import storage
from ports import free_port

from model_deployment_app import artifacts
from model_deployment_app.errors import ArtifactNotFound

BYTES = bytes(range(256)) * 100
DIGEST = hashlib.sha256(BYTES).hexdigest()
SUFFIX = ".passport.json"


@pytest.fixture
def bucket(monkeypatch):
    """A bucket ``models`` of an emulator, which this process uses."""
    port = free_port()
    with create_server("127.0.0.1", port, in_memory=True):
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{port}")
        with contextlib.closing(storage.Client(project="acme")) as client:
            yield client.create_bucket("models")


def test_a_store_that_gives_the_artifact_by_every_name_has_nothing_beside(bucket, tmp_path):
    for name in ("iris.joblib", f"iris.joblib{SUFFIX}"):
        bucket.blob(name).upload_from_string(BYTES)

    beside = artifacts.read_beside("gs://models/iris.joblib", SUFFIX, sha256=DIGEST, project="acme", cache_dir=tmp_path)

    assert beside is None


def test_what_is_put_is_what_is_fetched(bucket, tmp_path):
    (tmp_path / "iris.joblib").write_bytes(BYTES)

    generation = artifacts.put("gs://models/iris/v1.joblib", tmp_path / "iris.joblib", project="acme")

    fetched = artifacts.fetch(
        "gs://models/iris/v1.joblib", generation=generation, project="acme", cache_dir=tmp_path / "cache"
    )
    with fetched.file as file:
        assert file.read() == BYTES
    assert generation == bucket.get_blob("iris/v1.joblib").generation


def test_a_copy_to_a_folder_of_this_machine_is_whole(tmp_path):
    told = []

    @contextlib.contextmanager
    def meter(uri, done_bytes, total_bytes):
        yield told.append

    (tmp_path / "iris.joblib").write_bytes(BYTES)
    target = tmp_path / "store" / "iris.joblib"

    generation = artifacts.put(target.as_uri(), tmp_path / "iris.joblib", meter=meter)

    assert target.read_bytes() == BYTES
    assert generation is None
    assert told[-1] == len(BYTES)
    assert [path.name for path in target.parent.iterdir()] == ["iris.joblib"]


def test_a_bucket_that_is_not_there_is_told(bucket, tmp_path):
    (tmp_path / "iris.joblib").write_bytes(BYTES)

    with pytest.raises(ArtifactNotFound, match="no bucket elsewhere"):
        artifacts.put("gs://elsewhere/iris.joblib", tmp_path / "iris.joblib", project="acme")
