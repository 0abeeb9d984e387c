"""``gs://bucket/blob``: Google Cloud Storage, through its own client; ``STORAGE_EMULATOR_HOST`` is honoured."""

from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from google.api_core import exceptions as api
from google.auth import exceptions as auth
from google.cloud import storage
from google.cloud.storage.exceptions import DataCorruption

from ..errors import ArtifactDenied, ArtifactNotFound, ArtifactUnavailable
from ._artifact import Artifact
from ._cache import Cache
from ._folder import only_artifact

#: Seconds to connect, and between two bytes. Retries are the caller's: it knows the budget of the whole start-up.
_ONCE: dict[str, Any] = {"timeout": (5.0, 30.0), "retry": None}


def fetch(uri: str, *, sha256: str | None, project: str | None, cache: Cache) -> Artifact:
    """Download *uri*, unless the cache holds *sha256* (see `artifacts.fetch`)."""
    if sha256 is not None and (cached := cache.get(uri, sha256)) is not None:
        return cached
    parts = urlsplit(uri)
    bucket_name, blob_name = parts.netloc, parts.path.strip("/")
    with _translated(uri, project):
        bucket = storage.Client(project=project).bucket(bucket_name)
        blob = bucket.get_blob(blob_name, **_ONCE) or bucket.blob(_in_folder(bucket, uri, blob_name))
        return cache.add(uri, lambda file: blob.download_to_file(file, checksum="auto", **_ONCE))


def _in_folder(bucket: storage.Bucket, uri: str, name: str) -> str:
    """The one artifact under *name*, taken as a folder."""
    folder = f"{name}/"
    names = [blob.name for blob in bucket.list_blobs(prefix=folder, max_results=1000, **_ONCE)]
    if names:
        return only_artifact(uri, (each for each in names if not each.endswith("/")))
    beside = [blob.name for blob in bucket.list_blobs(max_results=1000, **_ONCE)]
    close = get_close_matches(name, beside, n=3, cutoff=0.5) or beside[:3]
    hint = f"the bucket holds {', '.join(close)}" if close else "the bucket is empty"
    raise ArtifactNotFound(f"{uri}: no such blob or folder; {hint}: correct config.model.blobDir or publish the model")


@contextmanager
def _translated(uri: str, project: str | None) -> Iterator[None]:
    """Our errors in place of Google's, each with its next step."""
    bucket = urlsplit(uri).netloc
    try:
        yield
    except auth.DefaultCredentialsError as error:
        raise ArtifactDenied(
            f"{uri}: no Google credentials found: run `gcloud auth application-default login`, set "
            "GOOGLE_APPLICATION_CREDENTIALS, or give the pod a service account with Workload Identity"
        ) from error
    except auth.RefreshError as error:
        raise ArtifactDenied(
            f"{uri}: the Google credentials were refused ({_first_line(error)}): renew them"
        ) from error
    except api.Unauthorized as error:
        raise ArtifactDenied(f"{uri}: the Google credentials have expired or are invalid: renew them") from error
    except api.Forbidden as error:
        raise ArtifactDenied(
            f"{uri}: forbidden: grant roles/storage.objectViewer on the bucket {bucket} (project {project}) to the "
            "service account that the server runs as"
        ) from error
    except api.NotFound as error:
        raise ArtifactNotFound(
            f"{uri}: no bucket {bucket}: correct config.model.bucketName, or create it in project {project}"
        ) from error
    except (
        api.ServerError,
        api.TooManyRequests,
        api.RetryError,
        DataCorruption,
        auth.TransportError,
    ) as error:
        raise ArtifactUnavailable(f"{uri}: the store failed ({_first_line(error)})") from error
    except (requests.RequestException, ConnectionError) as error:
        raise ArtifactUnavailable(
            f"{uri}: the store cannot be reached ({type(error).__name__}): check network, DNS and egress rules"
        ) from error
    except api.GoogleAPIError as error:
        raise ArtifactDenied(f"{uri}: the store refused the request ({_first_line(error)})") from error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
