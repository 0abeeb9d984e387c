"""A verified file, opened once: what is hashed and what is loaded are the same bytes."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ..errors import ArtifactRejected


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file on this machine whose digest is known.

    Attributes
    ----------
    uri : str
    file : BinaryIO
        Opened before it was hashed, and at its start: whatever takes its place in the folder, these are the bytes
        of *sha256*. Whoever gets the artifact closes it.
    sha256 : str
        64 hexadecimal digits.
    size_bytes : int
    written_ns : int
        When the file had been written to last, before it was hashed.
    """

    uri: str
    file: BinaryIO
    sha256: str
    size_bytes: int
    written_ns: int

    def confirm_unchanged(self) -> None:
        """Rule out that somebody has written into the file itself since it was hashed.

        Raises
        ------
        ArtifactRejected
        """
        status = os.fstat(self.file.fileno())
        if (status.st_size, status.st_mtime_ns) != (self.size_bytes, self.written_ns):
            raise ArtifactRejected(
                "the file was written to while it was loaded: publish beside it, under another name, and rename"
            )


def opened(uri: str, path: Path) -> Artifact:
    """Open the file at *path* and hash it; the system's own errors pass through."""
    file = path.open("rb")
    try:
        status = os.fstat(file.fileno())
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return Artifact(uri, file, digest, status.st_size, status.st_mtime_ns)


def mismatch(uri: str, *, sha256: str, wanted: str) -> ArtifactRejected:
    return ArtifactRejected(
        f"{uri}: its sha256 is {sha256}, but config.model.sha256 is {wanted}: publish the artifact again, or correct "
        "the value if you meant these bytes"
    )
