"""The acceptance case: from a bucket to the numbers of ``predict``."""

import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from gcp_storage_emulator.server import create_server
from google.cloud import storage
from numpy.testing import assert_allclose
from ports import free_port

from .estimators import Trained
from .servers import running


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Address of a store, which this process uses as well."""
    port = free_port()
    with create_server("127.0.0.1", port, in_memory=True):
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{port}")
        yield f"http://127.0.0.1:{port}"


def test_a_pipeline_in_a_bucket_answers_the_numbers_of_predict(
    store: str, trained: dict[str, Trained], tmp_path: Path
) -> None:
    model = trained["people"]
    config = model.publish(tmp_path)
    artifact = (tmp_path / model.file).read_bytes()
    with contextlib.closing(storage.Client(project="acme")) as client:
        bucket = client.create_bucket("acme-models")
        bucket.blob("people/2026-11/people.pkl").upload_from_string(artifact)
        bucket.blob("people/2026-11/passport.json").upload_from_string(b"{}")
    config["model"] = {
        "method": "GCS",
        "projectName": "acme",
        "bucketName": "acme-models",
        "blobDir": "people/2026-11",
        "sha256": hashlib.sha256(artifact).hexdigest(),
    }

    with running(config, tmp_path) as server:
        server.until(server.is_ready)
        answer = server.client.post("/v1/predict", json=model.bodies()["records"]).json()

    assert_allclose(answer["predictions"], model.estimator.predict(model.rows), rtol=1e-12)
    assert answer["model"]["sha256"] == config["model"]["sha256"]
