"""``file:///path``: an artifact on a mounted volume or on this machine, used where it lies."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import unquote, urlsplit

from ..errors import ArtifactDenied, ArtifactNotFound, ArtifactUnavailable
from ._artifact import Artifact, opened
from ._beside import check_beside
from ._folder import only_artifact
from ._meter import Meter, Told


def fetch(uri: str, **_: object) -> Artifact:
    """Resolve *uri* to a file, and read it for its digest (see `artifacts.fetch`)."""
    path = _path(uri)
    with _translated(path):
        return opened(uri, _artifact(path))


def read_beside(uri: str, suffix: str, **_: object) -> bytes | None:
    """The file beside the artifact (see `artifacts.read_beside`)."""
    with _translated(path := _path(uri)):
        artifact = _artifact(path)
        beside = artifact.with_name(artifact.name + suffix)
        if not os.path.lexists(beside):
            return None
        check_beside(str(beside), beside.stat().st_size)
        return beside.read_bytes()


def put(uri: str, path: Path, *, meter: Meter, **_: object) -> None:
    """Copy *path* to *uri*; who reads there meanwhile sees the old file or the new one (see `artifacts.put`)."""
    target = _path(uri)
    if target.is_dir():
        raise ArtifactNotFound(f"{target}: is a folder: put a slash at its end to have the file go into it")
    size = path.stat().st_size
    with _translated(target, "written"):
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{target.name}-{os.getpid()}")
        try:
            with path.open("rb") as source, part.open("wb") as copy, meter(uri, 0, size) as tell:
                shutil.copyfileobj(Told(source, tell), copy, 1 << 20)
                copy.flush()
                os.fsync(copy.fileno())
            part.replace(target)
        except BaseException:
            part.unlink(missing_ok=True)
            raise


def _path(uri: str) -> Path:
    return Path(unquote(urlsplit(uri).path))


def _artifact(path: Path) -> Path:
    if path.is_dir():
        return path / only_artifact(str(path), (entry.name for entry in path.iterdir() if entry.is_file()))
    return path


@contextmanager
def _translated(path: Path, done: str = "read") -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, NotADirectoryError):
        raise ArtifactNotFound(f"{path}: no such file or folder; {_what_is_there(path)}") from None
    except PermissionError as error:
        raise ArtifactDenied(f"{path}: cannot be {done} ({error.strerror}): check its owner and mode") from error
    except OSError as error:  # of a volume that does not answer, such as a stale NFS handle
        raise ArtifactUnavailable(f"{path}: cannot be {done} ({error.strerror}): check the volume") from error


def _what_is_there(path: Path) -> str:
    if not path.parent.is_dir():
        return f"{path.parent} is no folder here either: is the volume mounted? On a laptop, give --model-path"
    names = [entry.name for entry in path.parent.iterdir()]
    close = get_close_matches(path.name, names, n=3, cutoff=0.5) or sorted(names)[:5]
    return f"{path.parent} holds {', '.join(close) or 'nothing'}"
