"""Google Cloud Storage through its real client: against an emulator, and against a server that only fails."""

import base64
import contextlib
import hashlib
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import google_crc32c
import pytest
from gcp_storage_emulator.server import create_server
from google.cloud import storage
from ports import free_port

from model_deployment_app import artifacts
from model_deployment_app.errors import (
    ArtifactDenied,
    ArtifactNotFound,
    ArtifactRejected,
    ArtifactUnavailable,
    LoadError,
)

from .faulty import Answer, Behaviour, always, faulty_store, holding_iris

BYTES = bytes(range(256)) * 512
DIGEST = hashlib.sha256(BYTES).hexdigest()


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


Behave = Callable[[Behaviour], object]


@pytest.fixture
def behaving(monkeypatch: pytest.MonkeyPatch) -> Iterator[Behave]:
    """Makes the store behave as the test says."""
    with contextlib.ExitStack() as stack:
        yield lambda behaviour: monkeypatch.setenv(
            "STORAGE_EMULATOR_HOST", stack.enter_context(faulty_store(behaviour))
        )


def fetch(uri: str, cache_dir: Path, sha256: str | None = None) -> artifacts.Artifact:
    return artifacts.fetch(uri, sha256=sha256, project="acme", cache_dir=cache_dir)


def refusal(uri: str, cache_dir: Path, error: type[LoadError], sha256: str | None = None) -> str:
    with pytest.raises(error) as caught:
        fetch(uri, cache_dir, sha256)
    line = str(caught.value)
    assert type(caught.value) is error
    assert line.startswith(uri)
    assert "\n" not in line
    assert list(cache_dir.rglob(".partial-*")) == []
    return line


@pytest.mark.parametrize(
    "address", ["iris/iris.joblib", "iris", "iris/", "flat.pkl", "deep/er", "deep"], ids=lambda address: address
)
def test_a_blob_or_the_folder_around_it_is_downloaded(store: str, tmp_path: Path, address: str) -> None:
    artifact = fetch(f"gs://models/{address}", tmp_path)

    assert artifact.path.read_bytes() == BYTES
    assert (artifact.sha256, artifact.size_bytes) == (DIGEST, len(BYTES))
    assert artifact.path.is_relative_to(tmp_path)


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

    assert second == first


def test_a_damaged_cached_artifact_is_downloaded_again(store: str, tmp_path: Path) -> None:
    first = fetch("gs://models/iris", tmp_path, DIGEST)
    first.path.write_bytes(b"damaged")

    second = fetch("gs://models/iris", tmp_path, DIGEST)

    assert second.path.read_bytes() == BYTES


def test_without_a_digest_the_store_is_asked_each_time(
    store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch("gs://models/iris", tmp_path)
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{free_port()}")

    line = refusal("gs://models/iris", tmp_path, ArtifactUnavailable)

    assert "cannot be reached" in line


def test_an_unwritable_cache_is_not_blamed_on_the_store(store: str, tmp_path: Path) -> None:
    cache_dir = tmp_path / "cache"
    cache_dir.write_text("a file in the folder's place")

    with pytest.raises(ArtifactUnavailable, match="MODEL_CACHE_DIR") as caught:
        fetch("gs://models/iris", cache_dir)

    assert str(cache_dir) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_closed_port_is_unavailable_in_bounded_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{free_port()}")
    started = time.monotonic()

    line = refusal("gs://models/iris", tmp_path, ArtifactUnavailable)

    assert time.monotonic() - started < 10
    assert "check network" in line


@pytest.mark.parametrize(
    ("status", "error", "next_step"),
    [
        (401, ArtifactDenied, "GOOGLE_APPLICATION_CREDENTIALS"),
        (403, ArtifactDenied, "roles/storage.objectViewer"),
        (429, ArtifactUnavailable, "too many"),
        (500, ArtifactUnavailable, "store failed"),
        (503, ArtifactUnavailable, "store failed"),
        (504, ArtifactUnavailable, "store failed"),
    ],
)
def test_a_refusal_of_the_store_names_cause_and_next_step(
    behaving: Behave,
    tmp_path: Path,
    status: int,
    error: type[LoadError],
    next_step: str,
) -> None:
    words = "Too many requests" if status == 429 else "It is not to be\nhad"
    behaving(always(status, json.dumps({"error": {"code": status, "message": words}}).encode()))
    started = time.monotonic()

    line = refusal("gs://models/iris", tmp_path, error)

    assert next_step.lower() in line.lower()
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("status", [403, 503])
def test_an_error_page_in_place_of_json_is_one_line_too(behaving: Behave, tmp_path: Path, status: int) -> None:
    behaving(always(status, b"<html>\n<body>A proxy speaks</body>\n</html>\n"))

    line = refusal("gs://models/iris", tmp_path, ArtifactDenied if status == 403 else ArtifactUnavailable)

    assert len(line) < 500


def test_a_login_page_with_status_200_is_no_crash(behaving: Behave, tmp_path: Path) -> None:
    behaving(always(200, b"<html><body>Sign in to the network</body></html>"))

    line = refusal("gs://models/iris", tmp_path, ArtifactUnavailable)

    assert len(line) < 500


CRC32C = base64.b64encode(google_crc32c.Checksum(BYTES).digest()).decode()


def test_a_store_that_behaves_is_read(behaving: Behave, tmp_path: Path) -> None:
    behaving(holding_iris(len(BYTES), (200, BYTES, {"X-Goog-Hash": f"crc32c={CRC32C}"})))

    artifact = fetch("gs://models/iris", tmp_path)

    assert artifact.sha256 == DIGEST


@pytest.mark.parametrize(
    "answer",
    [
        (503, b"later", {}),
        (429, b"slower", {}),
        (200, BYTES[:1000], {"Content-Length": str(len(BYTES))}),
        (200, b"flipped" + BYTES[7:], {"X-Goog-Hash": f"crc32c={CRC32C}"}),
    ],
    ids=["503", "429", "cut", "flipped"],
)
def test_a_download_that_fails_is_worth_a_retry_and_leaves_nothing_behind(
    behaving: Behave, tmp_path: Path, answer: Answer
) -> None:
    behaving(holding_iris(len(BYTES), answer))

    refusal("gs://models/iris", tmp_path, ArtifactUnavailable)

    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(("status", "error"), [(403, ArtifactDenied), (404, ArtifactNotFound)])
def test_a_blob_that_is_listed_but_not_given_is_refused(
    behaving: Behave, tmp_path: Path, status: int, error: type[LoadError]
) -> None:
    behaving(holding_iris(len(BYTES), (status, b"no", {})))

    refusal("gs://models/iris", tmp_path, error)

    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_bytes_that_were_flipped_on_the_way_without_a_hash_are_caught_by_ours(behaving: Behave, tmp_path: Path) -> None:
    behaving(holding_iris(len(BYTES), (200, b"flipped" + BYTES[7:], {})))

    line = refusal("gs://models/iris", tmp_path, ArtifactRejected, DIGEST)

    assert DIGEST in line
