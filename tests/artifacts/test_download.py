"""Downloads from a store that enforces generations: gone on with, found again, shared."""

import contextlib
import hashlib
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from fake_gcs import FakeGCS, well

from model_deployment_app import artifacts
from model_deployment_app.errors import ArtifactUnavailable, CacheUnusable

from .faults import with_reply
from .fetching import BYTES, URI, fetch, refusal


def test_an_unwritable_cache_is_not_blamed_on_the_store(strict: FakeGCS, tmp_path: Path) -> None:
    cache_dir = tmp_path / "cache"
    cache_dir.write_text("a file in the folder's place")

    line = refusal(URI, cache_dir, CacheUnusable)

    assert str(cache_dir) in line
    assert "MODEL_CACHE_DIR" in line


def test_a_second_start_without_a_digest_asks_for_the_metadata_alone(strict: FakeGCS, tmp_path: Path) -> None:
    fetch(URI, tmp_path)
    strict.asked.clear()

    fetch(URI, tmp_path)

    assert [ask.kind for ask in strict.asked] == ["describe"]


def test_a_new_generation_is_downloaded_though_the_old_one_is_cached(strict: FakeGCS, tmp_path: Path) -> None:
    fetch(URI, tmp_path)
    strict.put("models/iris", BYTES[::-1], generation=8)

    artifact = fetch(URI, tmp_path)

    assert artifact.sha256 == hashlib.sha256(BYTES[::-1]).hexdigest()


def test_a_store_that_gives_two_contents_one_generation_is_not_trusted(strict: FakeGCS, tmp_path: Path) -> None:
    fetch(URI, tmp_path)
    strict.put("models/iris", BYTES[::-1], generation=7)

    artifact = fetch(URI, tmp_path)

    assert artifact.sha256 == hashlib.sha256(BYTES[::-1]).hexdigest()


def test_after_a_cut_only_the_rest_is_asked_for(strict: FakeGCS, tmp_path: Path) -> None:
    strict.sending = [with_reply(cut_at=1000), well]
    refusal(URI, tmp_path, ArtifactUnavailable)

    fetch(URI, tmp_path)

    assert [ask.range for ask in strict.of("send")] == [None, "bytes=1000-"]
    assert strict.sent_bytes == len(BYTES)


def test_after_silence_the_next_attempt_goes_on(strict: FakeGCS, tmp_path: Path) -> None:
    strict.sending = [with_reply(stall_at=1000), well]
    line = refusal(URI, tmp_path, ArtifactUnavailable, stall_s=0.1)

    fetch(URI, tmp_path)

    assert "silence for 0.1 s: 1.0 kB of 131.1 kB came" in line
    assert strict.of("send")[1].range == "bytes=1000-"


def test_what_lies_in_the_cache_is_read_only_and_for_its_owner(strict: FakeGCS, tmp_path: Path) -> None:
    fetch(URI, tmp_path / "cache")

    [path] = (tmp_path / "cache" / "sha256").iterdir()
    modes = [stat.S_IMODE(each.stat().st_mode) for each in (path, path.parent, tmp_path / "cache" / "partial")]
    assert modes == [0o400, 0o700, 0o700]


def test_the_open_file_is_the_one_that_was_verified(strict: FakeGCS, tmp_path: Path) -> None:
    artifact = artifacts.fetch(URI, project="acme", cache_dir=tmp_path)
    path = tmp_path / "sha256" / artifact.sha256

    with artifact.file:
        is_same = os.path.samestat(os.fstat(artifact.file.fileno()), path.stat())
        path.unlink()
        path.write_bytes(b"another file under its name")
        content = artifact.file.read()

    assert is_same
    assert content == BYTES


def test_the_part_of_a_generation_that_is_gone_is_removed(strict: FakeGCS, tmp_path: Path) -> None:
    strict.sending = [with_reply(cut_at=1000), well]
    refusal(URI, tmp_path, ArtifactUnavailable)
    strict.put("models/iris", BYTES, generation=8)

    fetch(URI, tmp_path)

    assert list((tmp_path / "partial").iterdir()) == []


def test_waiting_for_another_process_is_bounded(strict: FakeGCS, tmp_path: Path) -> None:
    strict.sending = [with_reply(stall_at=1000)]
    started = time.monotonic()
    held = download_elsewhere(tmp_path, strict)

    line = refusal(URI, tmp_path, ArtifactUnavailable, timeout_s=0.3)

    assert time.monotonic() - started < 5
    assert "another process downloads the same and was not done in 0 s" in line
    strict.over.set()
    held.join()


def download_elsewhere(cache_dir: Path, store: FakeGCS) -> threading.Thread:
    """Somebody else's download, whose store falls silent."""

    def download() -> None:
        with contextlib.suppress(ArtifactUnavailable):
            artifacts.fetch(URI, project="acme", cache_dir=cache_dir)

    thread = threading.Thread(target=download)
    thread.start()
    while not store.sent_bytes:
        time.sleep(0.005)
    return thread


def test_the_meter_is_told_from_where_to_where(strict: FakeGCS, tmp_path: Path) -> None:
    strict.sending = [with_reply(cut_at=1000), well]
    told: list[tuple[int, int | None, int]] = []

    @contextlib.contextmanager
    def meter(uri: str, done_bytes: int, total_bytes: int | None) -> Iterator[Callable[[int], None]]:
        yield lambda now_bytes: told.append((done_bytes, total_bytes, now_bytes))

    refusal(URI, tmp_path, ArtifactUnavailable, meter=meter)
    fetch(URI, tmp_path, meter=meter)

    assert told[0] == (0, len(BYTES), 1000)
    assert told[-1] == (1000, len(BYTES), len(BYTES))
