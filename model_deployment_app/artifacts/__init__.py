"""URI -> verified local file. One module for each URI scheme; what the bytes mean is no concern of this room."""

from pathlib import Path
from urllib.parse import urlsplit

from .. import plugins
from ..errors import ArtifactRejected
from ._artifact import Artifact
from ._cache import Cache

__all__ = ["Artifact", "fetch"]


def fetch(uri: str, *, sha256: str | None = None, project: str | None = None, cache_dir: Path) -> Artifact:
    """Bring the artifact at *uri* to this machine and verify its digest.

    Parameters
    ----------
    uri : str
        ``file:///models/iris.joblib``, ``gs://bucket/models/iris``; a folder must hold exactly one artifact.
    sha256 : str, optional
        64 hexadecimal digits that the bytes must have.
    project : str, optional
        The cloud project to bill and to name in messages.
    cache_dir : Path
        Where downloads are kept, by digest.

    Raises
    ------
    ArtifactNotFound, ArtifactDenied, ArtifactUnavailable
        As the store answers.
    ArtifactRejected
        If the bytes have another digest than *sha256*.
    UnknownPlugin
        If no module reads the scheme of *uri*.
    """
    store = plugins.find("artifacts", urlsplit(uri).scheme)
    artifact: Artifact = store.fetch(uri, sha256=sha256, project=project, cache=Cache(cache_dir))
    if sha256 not in (None, artifact.sha256):
        artifact.file.close()
        raise ArtifactRejected(
            f"{uri}: its sha256 is {artifact.sha256}, but config.model.sha256 is {sha256}: publish the artifact again, or "
            "correct the value if you meant these bytes"
        )
    return artifact
