"""URI -> verified local file. One module for each URI scheme; what the bytes mean is no concern of this room."""

from pathlib import Path
from urllib.parse import urlsplit

from .. import plugins
from ._artifact import Artifact, mismatch
from ._cache import Cache
from ._meter import Meter, unseen

__all__ = ["Artifact", "Meter", "fetch", "unseen"]


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
