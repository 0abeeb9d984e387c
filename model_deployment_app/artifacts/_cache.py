"""Downloads by digest: what is in the folder is whole, whoever else writes into it."""

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from ..errors import ArtifactUnavailable
from ._artifact import Artifact, opened


class Cache:
    """A folder of artifacts named by their SHA-256.

    Parameters
    ----------
    folder : Path
        Made when first written to; may be shared between processes and lost at any time.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "sha256"

    def get(self, uri: str, sha256: str) -> Artifact | None:
        """The artifact of that digest, if it is here and undamaged; a damaged one is removed."""
        if not (path := self._folder / sha256).is_file():
            return None
        cached = opened(uri, path)
        if cached.sha256 == sha256:
            return cached
        cached.file.close()
        path.unlink(missing_ok=True)
        return None

    def add(self, uri: str, download: Callable[[Any], None]) -> Artifact:
        """Keep what *download* writes to the file it is given; its own errors pass through.

        Raises
        ------
        ArtifactUnavailable
            If the folder cannot be written: full, read-only.
        """
        with _disk(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            file = tempfile.NamedTemporaryFile(dir=self._folder, prefix=".partial-", delete=False)  # noqa: SIM115
        part = Path(file.name)
        try:
            hashing = _HashingFile(file)
            download(hashing)
            with _disk(self._folder):
                file.flush()
                os.fsync(file.fileno())
                digest = hashing.sha256.hexdigest()
                # Last and at once: nobody ever sees a part of an artifact under its digest.
                return opened(uri, part.rename(self._folder / digest))
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        finally:
            with suppress(OSError):  # of bytes that a full disk has refused already
                file.close()


class _HashingFile:
    """What a store's client writes to: hashes the bytes on their way to the disk."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.sha256 = hashlib.sha256()

    def write(self, chunk: bytes) -> int:
        self.sha256.update(chunk)
        with _disk(Path(self._file.name).parent):
            return self._file.write(chunk)

    def flush(self) -> None:
        self._file.flush()

    def tell(self) -> int:
        return self._file.tell()


@contextmanager
def _disk(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ArtifactUnavailable(
            f"{folder}: cannot be written ({error.strerror or error}): give MODEL_CACHE_DIR a writable folder with room"
        ) from error
