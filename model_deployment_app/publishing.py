"""From an artifact and its passport on this machine to a store, read back and compared."""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from . import artifacts, passport
from .errors import ArtifactRejected
from .passport import Passport


@dataclass(frozen=True, slots=True)
class Publication:
    """Where an artifact is now.

    Attributes
    ----------
    uri : str
    sha256 : str
    size_bytes : int
    generation : int or None
        Where the store has such.
    project : str or None
    """

    uri: str
    sha256: str
    size_bytes: int
    generation: int | None
    project: str | None

    def location(self) -> dict[str, Any]:
        """The keys of ``config.model`` that name these bytes and no others."""
        if (parts := urlsplit(self.uri)).scheme == "file":
            return {"method": "LOCAL", "path": unquote(parts.path), "sha256": self.sha256}
        bucket, _, blob = self.uri.removeprefix("gs://").partition("/")
        return {
            "method": "GCS",
            "projectName": self.project,
            "bucketName": bucket,
            "blobDir": blob.strip("/"),
            # In quotes: Helm holds a number as float64.
            "generation": str(self.generation),
            "sha256": self.sha256,
        }


def publish(
    path: Path, record: Passport, uri: str, *, project: str | None = None, meter: artifacts.Meter = artifacts.unseen
) -> Publication:
    """Copy the artifact at *path* and its passport to *uri*, then read both back.

    Parameters
    ----------
    path : Path
    record : Passport
        Of the same bytes.
    uri : str
        A blob or a file; with a slash at its end the folder to put it into, under its own name.
    project : str, optional
    meter : callable
        Is told how far each copy is.

    Raises
    ------
    ArtifactRejected
        If what the store gives back are other bytes.
    ArtifactNotFound, ArtifactDenied, ArtifactUnavailable
        As the store answers.
    """
    if uri.endswith("/"):
        uri += quote(path.name) if urlsplit(uri).scheme == "file" else path.name
    generation = artifacts.put(uri, path, project=project, meter=meter)
    with TemporaryDirectory() as folder:
        beside = Path(folder) / "passport.json"
        beside.write_text(record.to_json(), encoding="utf-8")
        # Last: a passport without its artifact would refuse the one that is there.
        artifacts.put(uri + passport.SUFFIX, beside, project=project)
        # An empty cache, so that it is the store that answers.
        copied = artifacts.fetch(
            uri, sha256=record.sha256, project=project, generation=generation, meter=meter, cache_dir=Path(folder)
        )
        copied.file.close()
        read = artifacts.read_beside(
            uri, passport.SUFFIX, sha256=record.sha256, project=project, cache_dir=Path(folder)
        )
        if read != beside.read_bytes():
            raise ArtifactRejected(f"{uri}{passport.SUFFIX}: the store gives back another passport: push again")
    return Publication(uri, copied.sha256, copied.size_bytes, generation, project)
