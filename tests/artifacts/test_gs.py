"""Google Cloud Storage through its real client: against an emulator, and against a store that enforces generations."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_gcs import FakeGCS
from gcp_storage_emulator.server import create_server
from google.cloud import storage
from ports import free_port

from model_deployment_app.errors import ArtifactDenied, ArtifactNotFound, ArtifactRejected, ArtifactUnavailable

from .faults import FORBIDDEN, says
from .fetching import BYTES, DIGEST, URI, fetch, refusal


@pytest.fixture(scope="module")
def emulator() -> Iterator[str]:
    """Address of a store with one bucket, ``models``."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    with create_server("127.0.0.1", port, in_memory=True), pytest.MonkeyPatch.context() as environment:
        environment.setenv("STORAGE_EMULATOR_HOST", address)
        with contextlib.closing(storage.Client(project="acme")) as client:
            bucket = client.create_bucket("models")
            for name in ("iris/iris.joblib", "twice/a.joblib", "twice/b.pkl", "flat.pkl", "deep/er/model.joblib"):
                bucket.blob(name).upload_from_string(BYTES)
            for companion in ("iris/iris.joblib.json", "iris/passport.json", "iris/README.md", "empty/notes.txt"):
                bucket.blob(companion).upload_from_string(b"{}")
        yield address


@pytest.fixture
def store(emulator: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", emulator)
    return emulator


@pytest.mark.parametrize(
    "address", ["iris/iris.joblib", "iris", "iris/", "flat.pkl", "deep/er", "deep"], ids=lambda address: address
)
def test_a_blob_or_the_folder_around_it_is_downloaded(store: str, tmp_path: Path, address: str) -> None:
    artifact = fetch(f"gs://models/{address}", tmp_path)

    assert (artifact.sha256, artifact.size_bytes) == (DIGEST, len(BYTES))


def test_a_folder_with_two_artifacts_is_refused_and_both_are_named(store: str, tmp_path: Path) -> None:
    line = refusal("gs://models/twice", tmp_path, ArtifactNotFound)

    assert "twice/a.joblib, twice/b.pkl" in line


def test_a_folder_with_nothing_but_companions_is_refused(store: str, tmp_path: Path) -> None:
    line = refusal("gs://models/empty", tmp_path, ArtifactNotFound)

    assert "holds no artifact" in line


def test_a_missing_bucket_is_told_from_a_missing_blob(store: str, tmp_path: Path) -> None:
    line = refusal("gs://modles/iris", tmp_path, ArtifactNotFound)

    assert "no bucket modles" in line
    assert "config.model.bucketName" in line
    assert "acme" in line


@pytest.mark.parametrize("address", ["iris/irsi.joblib", "irsi/iris.joblib", "iris.joblib"])
def test_a_missing_blob_names_what_is_near(store: str, tmp_path: Path, address: str) -> None:
    line = refusal(f"gs://models/{address}", tmp_path, ArtifactNotFound)

    assert "no such blob or folder" in line
    assert "iris/iris.joblib" in line
    assert "config.model.blobDir" in line


def test_the_wanted_digest_is_accepted(store: str, tmp_path: Path) -> None:
    artifact = fetch("gs://models/iris", tmp_path, DIGEST)

    assert artifact.sha256 == DIGEST


def test_another_digest_is_refused_and_both_are_named(store: str, tmp_path: Path) -> None:
    wanted = "0" * 64

    line = refusal("gs://models/iris", tmp_path, ArtifactRejected, wanted)

    assert wanted in line
    assert DIGEST in line
    assert "config.model.sha256" in line


def test_a_cached_digest_is_not_downloaded_again(store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = fetch("gs://models/iris", tmp_path, DIGEST)
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{free_port()}")

    second = fetch("gs://models/iris", tmp_path, DIGEST)

    assert second.sha256 == first.sha256


def test_without_a_digest_the_store_is_asked_each_time(
    store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch("gs://models/iris", tmp_path)
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{free_port()}")

    line = refusal("gs://models/iris", tmp_path, ArtifactUnavailable)

    assert "cannot be reached" in line


def test_a_closed_port_is_unavailable_in_bounded_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{free_port()}")
    started = time.monotonic()

    line = refusal("gs://models/iris", tmp_path, ArtifactUnavailable)

    assert time.monotonic() - started < 10
    assert "check network" in line


def test_both_requests_name_the_generation(strict: FakeGCS, tmp_path: Path) -> None:
    fetch(URI, tmp_path, generation=7)

    [described], [sent] = strict.of("describe"), strict.of("send")
    assert described.query["generation"] == "7"
    assert (sent.query["generation"], sent.query["ifGenerationMatch"]) == ("7", "7")


def test_a_pin_holds_in_a_folder_too(strict: FakeGCS, tmp_path: Path) -> None:
    strict.put("models/rose/v1/rose.joblib", BYTES, generation=9)

    artifact = fetch("gs://models/rose", tmp_path, generation=9)
    line = refusal("gs://models/rose", tmp_path, ArtifactRejected, generation=7)

    assert artifact.sha256 == DIGEST
    assert "generation is 7, but the store has generation 9" in line


def test_the_client_asks_for_nothing_behind_our_back(strict: FakeGCS, tmp_path: Path) -> None:
    fetch(URI, tmp_path)

    assert [ask.kind for ask in strict.asked] == ["describe", "send"]


@pytest.mark.parametrize("name", ["größe/ä ö", "100%/a#b", "a?generation=1", "a+b&c=d", "a//b"])
def test_a_blob_may_have_any_name(strict: FakeGCS, tmp_path: Path, name: str) -> None:
    strict.put(f"models/{name}", BYTES, generation=3)

    artifact = fetch(f"gs://models/{name}", tmp_path, generation=3)

    assert artifact.sha256 == DIGEST


def test_a_missing_blob_is_not_blamed_on_the_bucket_where_nothing_may_be_listed(
    strict: FakeGCS, tmp_path: Path
) -> None:
    strict.listing = [FORBIDDEN]

    line = refusal("gs://models/rose", tmp_path, ArtifactNotFound)

    assert "no such blob or folder; the bucket's blobs may not be listed" in line


def test_the_words_of_a_store_are_one_short_line_without_control_characters(strict: FakeGCS, tmp_path: Path) -> None:
    strict.describing = [says(400, "odd\r\n\x1b[31mwords " * 1000)]

    line = refusal(URI, tmp_path, ArtifactDenied)

    assert line.isprintable()
    assert len(line) < 400
