"""Downloads by digest: whole or not there."""

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from model_deployment_app.artifacts._artifact import Artifact
from model_deployment_app.artifacts._cache import ABANDONED_S, Cache, StartOver, Version
from model_deployment_app.artifacts._deadline import Deadline
from model_deployment_app.errors import ArtifactRejected, ArtifactUnavailable, CacheUnusable

BYTES = b"an artifact"
DIGEST = hashlib.sha256(BYTES).hexdigest()
VERSION = Version("http://store/models/iris", 7, None)


def add(cache: Cache, version: Version = VERSION, *chunks: bytes) -> None:
    with cache.partial("uri", version, deadline=Deadline(5)) as partial:
        for chunk in chunks or (BYTES,):
            partial.write(chunk)
        cache.keep("gs://models/iris", partial, version).file.close()


@contextmanager
def content(artifact: Artifact | None) -> Iterator[bytes]:
    assert artifact is not None
    with artifact.file:
        yield artifact.file.read()


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_what_was_added_is_found_by_its_digest_and_by_its_version(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "not" / "yet" / "there")
    add(cache)

    with content(cache.get("uri", DIGEST)) as by_digest, content(cache.recall("uri", VERSION)) as by_version:
        assert by_digest == by_version == BYTES


def test_chunks_are_hashed_as_one_file(tmp_path: Path) -> None:
    cache = Cache(tmp_path)

    add(cache, VERSION, *(bytes([byte]) for byte in BYTES))

    assert [path.name for path in (tmp_path / "sha256").iterdir()] == [DIGEST]


def test_an_empty_cache_holds_nothing_and_makes_no_folder(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")

    found = cache.get("uri", DIGEST) or cache.recall("uri", VERSION)

    assert found is None
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("damage", [b"", BYTES[:-1], BYTES[:-1] + b"T", BYTES + b"."])
def test_a_damaged_artifact_is_removed_and_not_returned(tmp_path: Path, damage: bytes) -> None:
    cache = Cache(tmp_path)
    add(cache)
    path = tmp_path / "sha256" / DIGEST
    path.chmod(0o600)
    path.write_bytes(damage)

    found = cache.recall("uri", VERSION)

    assert found is None
    assert not path.exists()


@pytest.mark.parametrize("index", [b"", b"\xff\xfe", b"../../etc/passwd AAAAAA==", b"one two three", DIGEST.encode()])
def test_an_index_that_cannot_be_read_is_none(tmp_path: Path, index: bytes) -> None:
    cache = Cache(tmp_path)
    add(cache)
    [path] = (tmp_path / "index").iterdir()
    path.write_bytes(index)

    found = cache.recall("uri", VERSION)

    assert found is None


@pytest.mark.parametrize(
    "other", [Version(VERSION.blob, 8, None), Version("other", 7, None), Version(VERSION.blob, 7, "AAAAAA==")]
)
def test_another_version_is_not_recalled(tmp_path: Path, other: Version) -> None:
    cache = Cache(tmp_path)
    add(cache)

    found = cache.recall("uri", other)

    assert found is None


@pytest.mark.parametrize("interruption", [RuntimeError, KeyboardInterrupt, ArtifactUnavailable])
def test_an_interrupted_download_is_gone_on_with(tmp_path: Path, interruption: type[BaseException]) -> None:
    cache = Cache(tmp_path)
    with pytest.raises(interruption), cache.partial("uri", VERSION, deadline=Deadline(5)) as partial:
        partial.write(BYTES[:4])
        raise interruption

    with cache.partial("uri", VERSION, deadline=Deadline(5)) as partial:
        came = partial.size_bytes
        partial.write(BYTES[4:])
        digest = partial.sha256

    assert (came, digest) == (4, DIGEST)


@pytest.mark.parametrize("end", [ArtifactRejected("no"), StartOver(ArtifactRejected("no"))])
def test_a_download_that_is_refused_leaves_nothing_behind(tmp_path: Path, end: Exception) -> None:
    cache = Cache(tmp_path)

    with pytest.raises(type(end)), cache.partial("uri", VERSION, deadline=Deadline(5)) as partial:
        partial.write(BYTES)
        raise end

    assert files(tmp_path) == []


def test_a_part_that_starts_anew_forgets_what_it_had(tmp_path: Path) -> None:
    cache = Cache(tmp_path)

    with cache.partial("uri", VERSION, deadline=Deadline(5)) as partial:
        partial.write(b"something else altogether")
        partial.restart()
        partial.write(BYTES)
        came = (partial.size_bytes, partial.sha256, partial.path.read_bytes())

    assert came == (len(BYTES), DIGEST, BYTES)


def test_adding_the_same_artifact_twice_keeps_one_file(tmp_path: Path) -> None:
    cache = Cache(tmp_path)

    add(cache)
    add(cache, Version("elsewhere", 9, None))

    assert [path.name for path in (tmp_path / "sha256").iterdir()] == [DIGEST]


def test_without_a_generation_nothing_is_remembered(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    version = Version(VERSION.blob, None, None)

    add(cache, version)

    assert cache.recall("uri", version) is None


def test_somebody_who_writes_into_a_part_spoils_it(tmp_path: Path) -> None:
    cache = Cache(tmp_path)

    with (
        pytest.raises(CacheUnusable, match="somebody else"),
        cache.partial("uri", VERSION, deadline=Deadline(5)) as part,
    ):
        part.write(BYTES)
        with part.path.open("ab") as file:
            file.write(b"more")
        cache.keep("uri", part, VERSION)

    assert cache.recall("uri", VERSION) is None
    assert [path.parent.name for path in files(tmp_path)] == ["index"]


def test_parts_that_nobody_will_continue_are_removed(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    of_another_blob, long_left = Version("another", 1, None), Version("abandoned", 1, None)
    for version in (VERSION, of_another_blob, long_left):
        with pytest.raises(ArtifactUnavailable), cache.partial("uri", version, deadline=Deadline(5)) as partial:
            partial.write(BYTES)
            raise ArtifactUnavailable("later")
    then = time.time() - ABANDONED_S - 1
    os.utime(tmp_path / "partial" / long_left.key, (then, then))

    add(cache, Version(VERSION.blob, 8, None))

    assert [path.name for path in (tmp_path / "partial").iterdir()] == [of_another_blob.key]


def test_a_folder_that_cannot_be_made_is_named_with_the_next_step(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file in the folder's place")

    with pytest.raises(CacheUnusable, match=r"cannot be written: .*MODEL_CACHE_DIR") as refusal:
        add(Cache(tmp_path / "taken"))

    assert str(tmp_path / "taken") in str(refusal.value)
    assert "\n" not in str(refusal.value)
