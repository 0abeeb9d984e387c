"""A download that is not whole yet: one file, one writer, hashed as it grows."""

import base64
import fcntl
import hashlib
import logging
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader, FileIO
from pathlib import Path

import google_crc32c

from ..errors import ArtifactUnavailable, CacheUnusable, sized
from ._deadline import Deadline

logger = logging.getLogger(__name__)

CHUNK_BYTES = 1 << 20
#: Between two looks at a lock that another process holds.
POLL_S = 0.05


class Partial:
    """What has come of an artifact so far; hashed already are the bytes that a former process has left.

    Parameters
    ----------
    file : FileIO
        Open for reading and appending, and locked.
    """

    def __init__(self, file: FileIO) -> None:
        self.path = Path(file.name)
        self.is_handed_over = False
        self._file = file
        self._total_bytes = 0
        self._forget()
        with disk(self.path.parent):
            while chunk := self._file.read(CHUNK_BYTES):
                self._count(chunk)

    def write(self, chunk: bytes) -> None:
        with disk(self.path.parent, need_bytes=self._total_bytes - self.size_bytes):
            rest = memoryview(chunk)
            while rest:
                rest = rest[self._file.write(rest) :]
        self._count(chunk)

    def restart(self) -> None:
        """From the first byte again."""
        with disk(self.path.parent):
            self._file.truncate(0)
        self._forget()

    def reserve(self, total_bytes: int) -> None:
        """Refuse a download that has no room before it begins.

        Raises
        ------
        CacheUnusable
        """
        self._total_bytes = total_bytes
        need_bytes = total_bytes - self.size_bytes
        with disk(self.path.parent):
            free_bytes = shutil.disk_usage(self.path.parent).free
        if need_bytes > free_bytes:
            raise _unusable(self.path.parent, "no room", need_bytes)

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()

    @property
    def crc32c(self) -> str:
        """As Google writes it: in Base64."""
        return base64.b64encode(self._crc32c.digest()).decode()

    def become(self, path: Path) -> None:
        """Move to *path*, which nobody sees before every byte is on the disk."""
        with disk(self.path.parent):
            if os.fstat(self._file.fileno()).st_size != self.size_bytes:
                raise OSError(None, "somebody else has written into the download")
            os.fchmod(self._file.fileno(), 0o400)
            os.fsync(self._file.fileno())
            make_way(path)
            self.path.rename(path)
            for folder in (path.parent, self.path.parent):
                _sync(folder)

    def hand_over(self) -> BufferedReader:
        """The same open file, at its start; others get its lock."""
        self.is_handed_over = True
        self._file.seek(0)
        fcntl.flock(self._file, fcntl.LOCK_UN)
        return BufferedReader(self._file)

    def _count(self, chunk: bytes) -> None:
        self.size_bytes += len(chunk)
        self._sha256.update(chunk)
        self._crc32c.update(chunk)

    def _forget(self) -> None:
        self.size_bytes = 0
        self._sha256 = hashlib.sha256()
        self._crc32c = google_crc32c.Checksum()


def locked(path: Path, *, uri: str, deadline: Deadline) -> FileIO:
    """The file at *path*, made if missing, once no other process has it.

    Raises
    ------
    ArtifactUnavailable
        If another process has it until the end of the time.
    """
    is_waiting = False
    while True:
        with disk(path.parent):
            file = _opened(path)
        try:
            while not try_lock(file):
                if not is_waiting:
                    logger.info("waiting: another process downloads %s", uri)
                    is_waiting = True
                if not deadline.remaining_s():
                    raise ArtifactUnavailable(
                        f"{uri}: another process downloads the same and was not done in {deadline.timeout_s:.0f} s: "
                        "raise config.startupSeconds, or give each its own MODEL_CACHE_DIR"
                    )
                time.sleep(POLL_S)
            if _is_at(file, path):
                return file
        except BaseException:
            file.close()
            raise
        file.close()  # its last owner has moved it away


def try_lock(file: FileIO) -> bool:
    """Whether *file* is ours now. The kernel frees the lock of a process that dies."""
    with disk(Path(file.name).parent):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def make_way(path: Path) -> None:
    """Remove what lies at *path* and is no file: only damage puts it there."""
    if path.is_symlink():
        path.unlink()
    elif path.is_dir():
        shutil.rmtree(path)


def _opened(path: Path) -> FileIO:
    def open_private(name: str, flags: int) -> int:
        return os.open(name, flags | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)

    make_way(path)
    return open(path, "r+b", buffering=0, opener=open_private)


def _is_at(file: FileIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.lstat())
    except FileNotFoundError:
        return False


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def disk(folder: Path, *, need_bytes: int = 0) -> Iterator[None]:
    """Errors of the file system, told as such: asking the store again would not help.

    Raises
    ------
    CacheUnusable
    """
    try:
        yield
    except OSError as error:
        raise _unusable(folder, error.strerror or str(error), need_bytes) from error


def _unusable(folder: Path, cause: str, need_bytes: int) -> CacheUnusable:
    try:
        free = f", {sized(shutil.disk_usage(folder).free)} free"
    except OSError:
        free = ""
    need = f", {sized(need_bytes)} needed" if need_bytes > 0 else ""
    return CacheUnusable(
        f"{folder} cannot be written: {cause}{need}{free}: give MODEL_CACHE_DIR a writable folder with room, "
        "in a chart by modelCache.sizeLimit"
    )
