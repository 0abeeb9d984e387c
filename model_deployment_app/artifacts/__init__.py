"""URI -> verified local file. One module for each URI scheme; what the bytes mean is no concern of this room."""

import hashlib
import logging
import os
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from .. import plugins
from ..errors import ArtifactUnavailable
from ._artifact import Artifact, mismatch
from ._beside import check_beside
from ._cache import Cache
from ._meter import Meter, unseen

__all__ = ["Artifact", "Meter", "check_beside", "fetch", "put", "read_beside", "unseen"]

logger = logging.getLogger(__name__)


def fetch(
    uri: str,
    *,
    sha256: str | None = None,
    project: str | None = None,
    generation: int | None = None,
    timeout_s: float = 300.0,
    stall_s: float = 30.0,
    meter: Meter = unseen,
    cache_dir: Path,
) -> Artifact:
    """Bring the artifact at *uri* to this machine and verify its digest.

    Parameters
    ----------
    uri : str
        ``file:///models/iris.joblib``, ``gs://bucket/models/iris``; a folder must hold exactly one artifact.
    sha256 : str, optional
        64 hexadecimal digits that the bytes must have.
    project : str, optional
        The cloud project to bill and to name in messages.
    generation : int, optional
        The version that the store must give.
    timeout_s : float
        For everything together, waiting for another process included.
    stall_s : float
        How long a store may be silent before it counts as one that does not answer.
    meter : callable
        Is told how far a download is.
    cache_dir : Path
        Where downloads are kept, by digest.

    Raises
    ------
    ArtifactNotFound, ArtifactDenied, ArtifactUnavailable
        As the store answers. What has come so far stays, for the next call.
    ArtifactRejected
        If the bytes are not those of *sha256*, of *generation*, or of the store's own checksum.
    CacheUnusable
        If *cache_dir* has no room, or is not ours to write to.
    UnknownPlugin
        If no module reads the scheme of *uri*.
    """
    store = plugins.find("artifacts", urlsplit(uri).scheme)
    artifact: Artifact = store.fetch(
        uri,
        sha256=sha256,
        project=project,
        generation=generation,
        timeout_s=timeout_s,
        stall_s=stall_s,
        meter=meter,
        cache=Cache(cache_dir),
    )
    if sha256 not in (None, artifact.sha256):
        artifact.file.close()
        raise mismatch(uri, sha256=artifact.sha256, wanted=str(sha256))
    return artifact


def read_beside(
    uri: str, suffix: str, *, sha256: str, project: str | None = None, timeout_s: float = 30.0, cache_dir: Path
) -> bytes | None:
    """Read the small file beside an artifact whose name is the artifact's and *suffix*.

    Parameters
    ----------
    uri : str
        The artifact's, as `fetch` takes it.
    suffix : str
    sha256 : str
        The artifact's: what was beside it is remembered for starts at which the store does not answer.
    project, timeout_s, cache_dir
        As `fetch` takes them.

    Returns
    -------
    bytes or None
        None if there is none.

    Raises
    ------
    ArtifactDenied, ArtifactUnavailable
        As the store answers.
    ArtifactRejected
        If it is too large to be one of ours.
    """
    store = plugins.find("artifacts", urlsplit(uri).scheme)
    note = cache_dir / "beside" / f"{sha256}{suffix}"
    try:
        content: bytes | None = store.read_beside(uri, suffix, project=project, timeout_s=timeout_s)
    except ArtifactUnavailable as error:
        if not note.is_file():
            raise
        logger.warning("%s: what was beside the artifact at an earlier start is used", error)
        return note.read_bytes() or None
    if content is not None and hashlib.sha256(content).hexdigest() == sha256:
        logger.warning("%s%s: the store gives the artifact itself by that name, too: it is not used", uri, suffix)
        content = None
    with suppress(OSError):  # it only helps a later start
        note.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = note.with_name(f".{note.name}-{os.getpid()}")
        new.write_bytes(content or b"")
        new.rename(note)
    return content


def put(uri: str, path: Path, *, project: str | None = None, meter: Meter = unseen) -> int | None:
    """Copy the file at *path* to *uri*, in place of what is there.

    Returns
    -------
    int or None
        The generation that it is in the store, where the store has such.

    Raises
    ------
    ArtifactNotFound, ArtifactDenied, ArtifactUnavailable
        As the store answers.
    """
    generation: int | None = plugins.find("artifacts", urlsplit(uri).scheme).put(
        uri, path, project=project, meter=meter
    )
    return generation
