import pytest
from fake_gcs import FakeGCS

from model_deployment_app import artifacts
from model_deployment_app.errors import ArtifactDenied, ArtifactRejected, ArtifactUnavailable

from .faults import UNAVAILABLE
from .fetching import BYTES

SHA256 = "5" * 64
SUFFIX = ".passport.json"


@pytest.fixture
def read(tmp_path):
    def run(uri: str, sha256: str = SHA256) -> bytes | None:
        return artifacts.read_beside(uri, SUFFIX, sha256=sha256, timeout_s=5, cache_dir=tmp_path / "cache")

    return run


@pytest.mark.parametrize("name", ["iris", "iris #1?x=%20.joblib"])
def test_the_blob_beside_a_blob_is_read(strict: FakeGCS, read, name):
    strict.put(f"models/{name}", BYTES)
    strict.put(f"models/{name}{SUFFIX}", b"{}")

    assert read(f"gs://models/{name}") == b"{}"


def test_the_blob_beside_the_one_artifact_of_a_folder_is_read(strict: FakeGCS, read):
    strict.put("models/rose/rose.joblib", BYTES)
    strict.put(f"models/rose/rose.joblib{SUFFIX}", b"{}")

    assert read("gs://models/rose") == b"{}"


def test_a_blob_with_nothing_beside_it_has_none(strict: FakeGCS, read):
    assert read("gs://models/iris") is None


def test_an_empty_blob_is_not_none(strict: FakeGCS, read):
    strict.put(f"models/iris{SUFFIX}", b"")

    assert read("gs://models/iris") == b""


def test_a_store_that_says_no_is_told(strict: FakeGCS, read):
    strict.describing = [_denied]

    with pytest.raises(ArtifactDenied):
        read("gs://models/iris")


def _denied(store, ask, reply):
    reply.status = 403


def test_a_store_that_is_away_is_stood_in_for_by_an_earlier_start(strict: FakeGCS, read):
    strict.put(f"models/iris{SUFFIX}", b"{}")
    read("gs://models/iris")
    strict.describing = [UNAVAILABLE]

    assert read("gs://models/iris") == b"{}"
    with pytest.raises(ArtifactUnavailable):
        read("gs://models/iris", sha256="6" * 64)


def test_that_there_was_none_is_remembered_too(strict: FakeGCS, read):
    read("gs://models/iris")
    strict.describing = [UNAVAILABLE]

    assert read("gs://models/iris") is None


def test_a_large_blob_is_not_downloaded(strict: FakeGCS, read):
    strict.put(f"models/iris{SUFFIX}", bytes(33_000_000))

    with pytest.raises(ArtifactRejected, match=r"33\.0 MB, more than the 32\.0 MB"):
        read("gs://models/iris")

    assert strict.of("send") == []


def test_files_are_read_like_blobs(tmp_path, read):
    (tmp_path / "rose #1.joblib").write_bytes(BYTES)
    (tmp_path / f"rose #1.joblib{SUFFIX}").write_bytes(b"{}")
    (tmp_path / "alone.pkl").write_bytes(BYTES)

    assert read((tmp_path / "rose #1.joblib").as_uri()) == b"{}"
    assert read((tmp_path / "alone.pkl").as_uri()) is None
