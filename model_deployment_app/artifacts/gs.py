"""``gs://bucket/blob``: Google Cloud Storage, through its own client; ``STORAGE_EMULATOR_HOST`` is honoured."""

import logging
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import requests
from google.api_core import exceptions as api
from google.auth import exceptions as auth
from google.cloud import storage

from ..errors import ArtifactNotFound, ArtifactUnavailable, CacheUnusable
from ._artifact import Artifact
from ._beside import check_beside
from ._cache import Cache, StartOver, Version
from ._deadline import Deadline
from ._download import Blob, check, receive, wrong_generation
from ._folder import only_artifact
from ._meter import Meter, Told
from ._partial import Partial
from ._refusals import not_a_store, split, translated

logger = logging.getLogger(__name__)

CONNECT_S = 5.0
UPLOAD_CHUNK_BYTES = 8 << 20


def fetch(
    uri: str,
    *,
    sha256: str | None,
    project: str | None,
    generation: int | None,
    timeout_s: float,
    stall_s: float,
    meter: Meter,
    cache: Cache,
) -> Artifact:
    """Download *uri*, unless the cache holds it (see `artifacts.fetch`)."""
    if sha256 is not None and (cached := cache.get(uri, sha256)) is not None:
        return cached
    deadline = Deadline(timeout_s)
    # The client would ask for the bucket too, in a thread with retries of its own, to name it in traces.
    os.environ.setdefault("DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA", "true")

    def download() -> Artifact:
        with translated(uri, project), closing(_client(project)) as client:
            store = _Store(client, uri, generation, deadline=deadline, stall_s=stall_s, meter=meter)
            try:
                return store.fetch(cache, sha256)
            except StartOver as first:
                logger.warning("starting over: %s", first)
            try:
                return store.fetch(cache, sha256)
            except StartOver as second:
                raise second.refusal from None

    try:
        return deadline.run(download)
    except CacheUnusable as error:
        raise CacheUnusable(f"{uri}: {error}") from error
    except TimeoutError:
        raise ArtifactUnavailable(
            f"{uri}: no whole answer in {timeout_s:.0f} s: check network and egress, or raise config.startupSeconds"
        ) from None


def read_beside(uri: str, suffix: str, *, project: str | None, timeout_s: float) -> bytes | None:
    """The blob beside the artifact (see `artifacts.read_beside`)."""
    deadline = Deadline(timeout_s)

    def read() -> bytes | None:
        with translated(uri, project), closing(_client(project)) as client, _understood(uri):
            bucket_name, name = split(uri)
            bucket = client.bucket(bucket_name)
            options: dict[str, Any] = {"timeout": min(timeout_s, 30.0), "retry": None}
            if (found := bucket.get_blob(name + suffix, **options)) is None:
                if bucket.get_blob(name, **options) is not None:
                    return None
                blobs = {blob.name: blob for blob in bucket.list_blobs(prefix=f"{name}/", max_results=1000, **options)}
                if not blobs or (found := blobs.get(only_artifact(uri, blobs) + suffix)) is None:
                    return None
            check_beside(f"gs://{bucket_name}/{found.name}", found.size)
            return bytes(found.download_as_bytes(raw_download=True, **options))

    try:
        return deadline.run(read)
    except TimeoutError:
        raise ArtifactUnavailable(f"{uri}{suffix}: no whole answer in {timeout_s:.0f} s: check the network") from None


def put(uri: str, path: Path, *, project: str | None, meter: Meter) -> int:
    """Upload *path* in chunks, each of which the client tries again (see `artifacts.put`)."""
    bucket, name = split(uri)
    if not bucket or not name:
        raise ArtifactNotFound(f"{uri}: expected gs://BUCKET/BLOB")
    size_bytes = path.stat().st_size
    with (
        translated(uri, project, role="roles/storage.objectUser"),
        closing(_client(project)) as client,
        path.open("rb") as file,
        meter(uri, 0, size_bytes) as tell,
    ):
        blob = client.bucket(bucket).blob(name, chunk_size=UPLOAD_CHUNK_BYTES)
        blob.upload_from_file(Told(file, tell), size=size_bytes, content_type="application/octet-stream")
        return int(blob.generation)


@dataclass(frozen=True, slots=True)
class _Store:
    """One conversation with the store. It is never asked twice for the same: its caller knows when to try again."""

    client: storage.Client
    uri: str
    generation: int | None
    deadline: Deadline
    stall_s: float
    meter: Meter

    def fetch(self, cache: Cache, sha256: str | None) -> Artifact:
        """Take what the cache holds of the store's version, continue what is there of it, or begin.

        Raises
        ------
        StartOver
            If what came is worth nothing, and another look at the store may help.
        """
        blob = self._describe(split(self.uri)[1])
        version = Version(urlunsplit(urlsplit(blob.url)._replace(query="")), blob.generation, blob.crc32c)

        def cached() -> Artifact | None:
            if blob.is_confirmed and (found := cache.recall(self.uri, version)) is not None:
                return found
            return None if sha256 is None else cache.get(self.uri, sha256)

        if (found := cached()) is not None:
            return found
        with cache.partial(self.uri, version, deadline=self.deadline) as partial:
            # Whoever had the lock before us has perhaps finished.
            if (found := cached()) is not None:
                return found
            # What is continued must be of the same generation, and a checksum must tell if it is not.
            if blob.generation is None or not (blob.crc32c or sha256):
                partial.restart()
            crc32c = blob.crc32c if _is_whole(partial, blob) else self._download(blob, partial)
            check(blob, partial, crc32c=crc32c, sha256=sha256)
            return cache.keep(self.uri, partial, version)

    def _describe(self, name: str) -> Blob:
        bucket = self.client.bucket(split(self.uri)[0])
        blob = bucket.blob(name, generation=self.generation)
        with _understood(self.uri):
            try:
                blob.reload(**self._once())
                return self._told(blob)
            except api.NotFound as error:
                if self.generation is not None and (other := bucket.get_blob(name, **self._once())):
                    raise wrong_generation(self.uri, self.generation, other.generation) from error
                has_bucket = "No such object" in str(error)
        return self._describe(self._only_blob_in(bucket, name, has_bucket=has_bucket))

    def _told(self, found: storage.Blob) -> Blob:
        if self.generation is not None and found.generation not in (None, self.generation):
            raise wrong_generation(self.uri, self.generation, found.generation)
        generation = found.generation if self.generation is None else self.generation
        link = urlsplit(found.media_link or f"{self.client.api_endpoint}/download/storage/v1{found.path}")
        query = {**dict(parse_qsl(link.query)), "alt": "media"}
        if generation is not None:
            query |= {"generation": str(generation), "ifGenerationMatch": str(generation)}
        return Blob(
            uri=self.uri,
            url=urlunsplit(link._replace(query=urlencode(query))),
            generation=generation,
            is_pinned=self.generation is not None,
            is_confirmed=found.generation is not None,
            size_bytes=found.size,
            crc32c=found.crc32c,
            encoding=found.content_encoding,
        )

    def _only_blob_in(self, bucket: storage.Bucket, name: str, *, has_bucket: bool) -> str:
        """The one artifact under *name*, taken as a folder."""
        try:
            if names := self._names(bucket, f"{name}/"):
                return only_artifact(self.uri, (each for each in names if not each.endswith("/")))
            beside = self._names(bucket, None)
            close = get_close_matches(name, beside, n=3, cutoff=0.5) or beside[:3]
            hint = f"the bucket holds {', '.join(close)}" if close else "the bucket is empty"
        except (api.NotFound, api.Forbidden):
            if not has_bucket:
                raise
            hint = "the bucket's blobs may not be listed"
        raise ArtifactNotFound(
            f"{self.uri}: no such blob or folder; {hint}: correct config.model.blobDir or publish the model"
        )

    def _names(self, bucket: storage.Bucket, prefix: str | None) -> list[str]:
        with _understood(self.uri):
            return [blob.name for blob in bucket.list_blobs(prefix=prefix, max_results=1000, **self._once())]

    def _download(self, blob: Blob, partial: Partial) -> str | None:
        headers = {"Accept-Encoding": "gzip"}  # else the store would decompress what is stored compressed
        if partial.size_bytes:
            headers["Range"] = f"bytes={partial.size_bytes}-"
        # The client's own downloads hide status and headers, and block until a chunk is full.
        session = self.client._http
        with (
            _understood(self.uri),
            session.get(blob.url, headers=headers, stream=True, timeout=self._timeout()) as response,
        ):
            match response.status_code:
                case 200 | 206:
                    return receive(
                        blob, response, partial, deadline=self.deadline, stall_s=self.stall_s, meter=self.meter
                    )
                case 404:
                    raise StartOver(
                        ArtifactNotFound(f"{self.uri}: the store names this blob, but does not have it: publish it")
                    )
                case 412 | 416:
                    raise StartOver(
                        ArtifactUnavailable(f"{self.uri}: the blob was replaced while it was downloaded, twice")
                    )
            # Its body is read here: once the connection is given back there is none.
            raise api.from_http_status(response.status_code, response.text, response=response)

    def _once(self) -> dict[str, Any]:
        """No retries by the client: the caller knows the budget of the whole start-up."""
        return {"timeout": self._timeout(), "retry": None}

    def _timeout(self) -> tuple[float, float]:
        remaining_s = max(self.deadline.remaining_s(), 1e-3)
        return min(CONNECT_S, remaining_s), min(self.stall_s, remaining_s)


def _client(project: str | None) -> storage.Client:
    try:
        return storage.Client(project=project)
    except (auth.GoogleAuthError, requests.RequestException, ConnectionError):
        raise
    except (AttributeError, KeyError, OSError, TypeError, ValueError) as error:
        # A folder or an unreadable file in place of a key, or JSON that is no key, is not foreseen there.
        raise auth.DefaultCredentialsError(f"{type(error).__name__}: {error}") from error


def _is_whole(partial: Partial, blob: Blob) -> bool:
    """Whether a former process was killed between the last byte and the name; only a checksum may say so."""
    return partial.size_bytes == blob.size_bytes and blob.is_confirmed and blob.crc32c is not None


@contextmanager
def _understood(uri: str) -> Iterator[None]:
    """What the client and `requests` say of an answer that is not Google's concerns nobody."""
    try:
        yield
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        if isinstance(error, auth.GoogleAuthError | requests.RequestException):
            raise
        raise not_a_store(uri) from error
