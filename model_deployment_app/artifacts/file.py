"""``file:///path``: an artifact on a mounted volume or on this machine, used where it lies."""

from difflib import get_close_matches
from pathlib import Path
from urllib.parse import unquote, urlsplit

from ..errors import ArtifactDenied, ArtifactNotFound, ArtifactUnavailable
from ._artifact import Artifact, opened
from ._folder import only_artifact


def fetch(uri: str, **_: object) -> Artifact:
    """Resolve *uri* to a file, and read it for its digest (see `artifacts.fetch`)."""
    path = Path(unquote(urlsplit(uri).path))
    try:
        if path.is_dir():
            path = path / only_artifact(str(path), (entry.name for entry in path.iterdir() if entry.is_file()))
        return opened(uri, path)
    except (FileNotFoundError, NotADirectoryError):
        raise ArtifactNotFound(f"{path}: no such file or folder; {_what_is_there(path)}") from None
    except PermissionError as error:
        raise ArtifactDenied(f"{path}: cannot be read ({error.strerror}): check its owner and mode") from error
    except OSError as error:  # of a volume that does not answer, such as a stale NFS handle
        raise ArtifactUnavailable(f"{path}: cannot be read ({error.strerror}): check the volume") from error


def _what_is_there(path: Path) -> str:
    if not path.parent.is_dir():
        return f"{path.parent} is no folder here either: is the volume mounted? On a laptop, give --model-path"
    names = [entry.name for entry in path.parent.iterdir()]
    close = get_close_matches(path.name, names, n=3, cutoff=0.5) or sorted(names)[:5]
    return f"{path.parent} holds {', '.join(close) or 'nothing'}"
