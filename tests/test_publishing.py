import os
from pathlib import Path

import joblib
import pytest
from gcp_storage_emulator.server import create_server
from google.cloud import storage
from ports import free_port
from sklearn.linear_model import Ridge

from model_deployment_app import artifacts, packing, publishing
from model_deployment_app.errors import ArtifactDenied, ArtifactNotFound, ArtifactRejected, ArtifactUnavailable

BLOB = "ridge/my modél.joblib"


@pytest.fixture
def model(tmp_path) -> Path:
    path = tmp_path / "ridge #1 %20ü?.joblib"
    joblib.dump(Ridge().fit([[0.0], [1.0]], [0, 1]), path)
    return path


@pytest.fixture
def record(model):
    return packing.pack(model)


@pytest.fixture
def bucket(monkeypatch):
    port = free_port()
    with create_server("127.0.0.1", port, in_memory=True):
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{port}")
        client = storage.Client(project="acme")
        yield client.create_bucket("models")
        client.close()


def test_a_folder_gets_the_artifact_under_its_own_name(model, record, tmp_path):
    published = publishing.publish(model, record, (tmp_path / "store").as_uri() + "/")

    copy = tmp_path / "store" / model.name
    assert copy.read_bytes() == model.read_bytes()
    assert copy.with_name(f"{copy.name}.passport.json").read_text() == record.to_json()
    assert published.location() == {"method": "LOCAL", "path": str(copy), "sha256": record.sha256}
    assert sorted(each.name for each in copy.parent.iterdir()) == [copy.name, f"{copy.name}.passport.json"]


def test_an_artifact_that_is_published_onto_itself_stays(model, record):
    before = model.read_bytes()

    publishing.publish(model, record, model.as_uri())

    assert model.read_bytes() == before


def test_a_folder_without_a_slash_is_not_overwritten(model, record, tmp_path):
    with pytest.raises(ArtifactNotFound, match="is a folder: put a slash at its end"):
        publishing.publish(model, record, tmp_path.as_uri())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_told(model, record, tmp_path):
    (tmp_path / "store").mkdir(mode=0o500)

    with pytest.raises(ArtifactDenied, match="cannot be written"):
        publishing.publish(model, record, (tmp_path / "store").as_uri() + "/")


def test_a_bucket_gets_both_and_values_the_generation(model, record, bucket):
    published = publishing.publish(model, record, f"gs://models/{BLOB}", project="acme")

    location = published.location()
    blob = bucket.get_blob(BLOB)
    assert blob.download_as_bytes() == model.read_bytes()
    assert bucket.blob(f"{BLOB}.passport.json").download_as_bytes() == record.to_json().encode()
    assert location["blobDir"] == BLOB
    assert (location["bucketName"], location["projectName"]) == ("models", "acme")
    assert location["generation"].isdigit()


@pytest.mark.parametrize("uri", ["gs://", "gs://models", "gs:///ridge"])
def test_an_address_without_bucket_or_blob_is_refused(model, record, bucket, uri):
    with pytest.raises(ArtifactNotFound, match="expected gs://BUCKET/BLOB"):
        publishing.publish(model, record, uri, project="acme")


def test_a_store_that_does_not_answer_is_told(model, record, monkeypatch, tmp_path):
    monkeypatch.setattr(artifacts, "put", _unavailable)

    with pytest.raises(ArtifactUnavailable, match="no answer"):
        publishing.publish(model, record, (tmp_path / "store/").as_uri())


def _unavailable(*_, **__):
    raise ArtifactUnavailable("no answer")


@pytest.mark.parametrize(("suffix", "words"), [("", "sha256"), (".passport.json", "the store gives back another")])
def test_a_store_that_gives_back_other_bytes_is_refused(model, record, tmp_path, monkeypatch, suffix, words):
    put = artifacts.put

    def spoiled(uri, path, **options):
        put(uri, path, **options)
        if uri.endswith("stored" + suffix):
            (tmp_path / f"stored{suffix}").write_bytes(b"other bytes")

    monkeypatch.setattr(artifacts, "put", spoiled)

    with pytest.raises(ArtifactRejected, match=words):
        publishing.publish(model, record, (tmp_path / "stored").as_uri())
