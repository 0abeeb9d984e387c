"""Downloads by digest: whole or not there."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from model_deployment_app.artifacts._cache import Cache
from model_deployment_app.errors import ArtifactUnavailable

BYTES = b"an artifact"
DIGEST = hashlib.sha256(BYTES).hexdigest()


def test_what_was_added_is_found_by_its_digest(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "not" / "yet" / "there")

    path, digest = cache.add(lambda file: file.write(BYTES))

    assert digest == DIGEST
    assert cache.get(DIGEST) == path
    assert path.read_bytes() == BYTES


def test_chunks_are_hashed_as_one_file(tmp_path: Path) -> None:
    cache = Cache(tmp_path)

    def download(file) -> None:
        for byte in BYTES:
            file.write(bytes([byte]))
        file.flush()
        assert file.tell() == len(BYTES)

    _, digest = cache.add(download)

    assert digest == DIGEST


def test_an_empty_cache_holds_nothing(tmp_path: Path) -> None:
    cache = Cache(tmp_path)

    found = cache.get(DIGEST)

    assert found is None


def test_a_damaged_artifact_is_removed_and_not_returned(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    path, _ = cache.add(lambda file: file.write(BYTES))
    path.write_bytes(BYTES[:-1])

    found = cache.get(DIGEST)

    assert found is None
    assert not path.exists()


@pytest.mark.parametrize("interruption", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_an_interrupted_download_leaves_nothing_behind(tmp_path: Path, interruption: type[BaseException]) -> None:
    cache = Cache(tmp_path)

    def download(file) -> None:
        file.write(BYTES)
        raise interruption

    with pytest.raises(interruption):
        cache.add(download)

    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_adding_the_same_artifact_twice_keeps_one_file(tmp_path: Path) -> None:
    cache = Cache(tmp_path)

    first, _ = cache.add(lambda file: file.write(BYTES))
    second, _ = cache.add(lambda file: file.write(BYTES))

    assert first == second
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [first]


def test_a_folder_that_cannot_be_made_is_named_with_the_next_step(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file in the folder's place")
    cache = Cache(tmp_path / "taken")

    with pytest.raises(ArtifactUnavailable, match=r"cannot be written .*MODEL_CACHE_DIR") as refusal:
        cache.add(lambda file: file.write(BYTES))

    assert str(tmp_path / "taken") in str(refusal.value)
    assert "\n" not in str(refusal.value)


#: Files may not grow beyond four bytes: to a writer, the same as a full disk.
_WITHOUT_ROOM = """
import resource, sys
from pathlib import Path
from model_deployment_app.artifacts._cache import Cache
from model_deployment_app.errors import ArtifactUnavailable

resource.setrlimit(resource.RLIMIT_FSIZE, (4, 4))
try:
    Cache(Path(sys.argv[1])).add(lambda file: file.write(b"an artifact"))
except ArtifactUnavailable as error:
    print(error)
"""


def test_a_full_disk_is_not_blamed_on_the_store(tmp_path: Path) -> None:
    # In a process of its own: the limit holds for whatever this one writes, too.
    command = [sys.executable, "-c", _WITHOUT_ROOM, str(tmp_path)]

    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert "cannot be written" in told
    assert "MODEL_CACHE_DIR" in told
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
