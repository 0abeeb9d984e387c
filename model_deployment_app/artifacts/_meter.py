"""Who is told how far a download is."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, BinaryIO

#: Called with address, bytes so far and bytes in all (None: unknown) when bytes begin to come; what it returns is
#: entered until they end, and called with the bytes so far.
Meter = Callable[[str, int, int | None], AbstractContextManager[Callable[[int], None]]]


def unseen(uri: str, done_bytes: int, total_bytes: int | None) -> AbstractContextManager[Callable[[int], None]]:
    """The meter that nobody reads."""
    return nullcontext(lambda done_bytes: None)


class Told:
    """A file whose reader is watched."""

    def __init__(self, file: BinaryIO, tell: Callable[[int], None]) -> None:
        self._file = file
        self._tell = tell

    def read(self, size: int = -1) -> bytes:
        chunk = self._file.read(size)
        self._tell(self._file.tell())
        return chunk

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)
