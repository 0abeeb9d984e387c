"""Downloads by digest: what bears one is whole, whoever else writes into the folder and whenever they are killed."""

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ..errors import ArtifactUnavailable, LoadError
from ._artifact import Artifact, opened
from ._deadline import Deadline
from ._partial import Partial, disk, locked, make_way, try_lock

#: After which nobody comes back for the rest of a download.
ABANDONED_S = 7 * 24 * 3600


class StartOver(Exception):
    """What has come so far is worth nothing.

    Attributes
    ----------
    refusal : LoadError
        What to say if this was the last try.
    """

    def __init__(self, refusal: LoadError) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class Version:
    """Which bytes of a store: what a download may be continued with, and found by.

    Attributes
    ----------
    blob : str
        Store, bucket and name.
    generation : int or None
        None where the store does not tell, and nothing can be found again.
    crc32c : str or None
    """

    blob: str
    generation: int | None
    crc32c: str | None

    @property
    def key(self) -> str:
        return f"{self.family}{self.generation}"

    @property
    def family(self) -> str:
        """What the keys of all its generations begin with."""
        return f"{hashlib.sha256(self.blob.encode()).hexdigest()[:32]}-"


class Cache:
    """A folder of artifacts.

    Parameters
    ----------
    folder : Path
        Made when first written to; may be shared between processes, damaged and lost at any time. In it are
        ``sha256/<digest>``, ``index/<version>`` (the digest of a version) and ``partial/<version>``.
    """

    def __init__(self, folder: Path) -> None:
        self._artifacts = folder / "sha256"
        self._index = folder / "index"
        self._partials = folder / "partial"

    def get(self, uri: str, sha256: str) -> Artifact | None:
        """The artifact of that digest, if it is here and undamaged."""
        path = self._artifacts / sha256
        try:
            cached = opened(uri, path)
        except OSError:  # not there, a folder in its place, a disk that fails: as good as not there
            return None
        if cached.sha256 == sha256:
            return cached
        cached.file.close()
        with suppress(OSError):
            path.unlink()
        return None

    def recall(self, uri: str, version: Version) -> Artifact | None:
        """The artifact that *version* was when it was downloaded."""
        try:
            sha256, crc32c = (self._index / version.key).read_text(encoding="ascii").split()
        except (OSError, ValueError):
            return None
        is_it = version.generation is not None and crc32c == (version.crc32c or crc32c) and sha256.isalnum()
        return self.get(uri, sha256) if is_it else None

    @contextmanager
    def partial(self, uri: str, version: Version, *, deadline: Deadline) -> Iterator[Partial]:
        """What has come of *version* so far, and nobody else's meanwhile.

        It stays for the next attempt if this one ends because the store does not answer, or is killed.

        Raises
        ------
        ArtifactUnavailable
            If another process has it until the end of the time.
        CacheUnusable
        """
        for folder in (self._partials, self._artifacts, self._index):
            with disk(folder):
                if folder.is_file():
                    folder.unlink()
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._clean(version)
        path = self._partials / version.key
        file = locked(path, uri=uri, deadline=deadline)
        partial = None
        try:
            yield (partial := Partial(file))
        except BaseException as error:
            is_final = isinstance(error, LoadError | StartOver) and not isinstance(error, ArtifactUnavailable)
            if is_final or partial is None or not partial.size_bytes:
                _remove(path)
            file.close()
            raise
        if not partial.is_handed_over:
            _remove(path)
            file.close()

    def keep(self, uri: str, partial: Partial, version: Version) -> Artifact:
        """Give a whole download its name.

        Raises
        ------
        CacheUnusable
        """
        # First: once the part has its name, others no longer wait for its lock, and must find it.
        if version.generation is not None:
            self._remember(version, partial)
        partial.become(self._artifacts / partial.sha256)
        file = partial.hand_over()
        status = os.fstat(file.fileno())
        return Artifact(uri, file, partial.sha256, status.st_size, status.st_mtime_ns)

    def _remember(self, version: Version, partial: Partial) -> None:
        entry = self._index / version.key
        new = entry.with_name(f".{entry.name}-{os.getpid()}")
        with suppress(OSError):  # it only saves a download
            make_way(entry)
            new.write_text(f"{partial.sha256} {partial.crc32c}\n", encoding="ascii")
            new.rename(entry)

    def _clean(self, version: Version) -> None:
        """Remove what nobody will continue: other generations, and what has long been left."""
        with disk(self._partials):
            paths = list(self._partials.iterdir())
        for path in paths:
            with suppress(OSError):
                is_superseded = path.name.startswith(version.family) and path.name != version.key
                if is_superseded or time.time() - path.lstat().st_mtime > ABANDONED_S:
                    with path.open("rb", buffering=0) as file:
                        if try_lock(file):
                            path.unlink()


def _remove(path: Path) -> None:
    with suppress(OSError):  # a part that stays is in nobody's way
        path.unlink()
