"""A folder stands for the one artifact in it."""

from collections.abc import Iterable

from ..errors import ArtifactNotFound

#: What lies beside models and is none.
_COMPANIONS = (".json", ".md", ".txt", ".yaml", ".yml", ".csv", ".html", ".log", ".png", ".sha256")


def only_artifact(folder: str, names: Iterable[str]) -> str:
    """Pick the artifact from the file names in *folder*.

    Raises
    ------
    ArtifactNotFound
        If there is not exactly one; the message lists what is there.
    """
    found = sorted(
        name for name in names if not name.rsplit("/", 1)[-1].startswith(".") and not name.endswith(_COMPANIONS)
    )
    if len(found) == 1:
        return found[0]
    if not found:
        raise ArtifactNotFound(f"{folder}: the folder holds no artifact: publish one there, or correct the path")
    raise ArtifactNotFound(
        f"{folder}: the folder holds {len(found)} artifacts ({', '.join(found[:5])}): name one of them in full"
    )
