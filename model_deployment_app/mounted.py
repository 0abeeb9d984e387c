"""The entries of a mounted Secret, all of one moment.

References
----------
Kubernetes, "Secrets": "Mounted Secrets are updated automatically"; the kubelet writes a folder with a new name, and
turns the link ``..data`` to it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

#: Swaps while the entries are read, after which something else is the matter.
_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Entries:
    """What one folder holds.

    Attributes
    ----------
    version : str or None
        Another one after each change; None if it cannot be told, in a folder that no kubelet has written.
    contents : mapping of str to bytes
        By name, in order.
    """

    version: str | None
    contents: Mapping[str, bytes]


def version(folder: Path) -> str | None:
    """The `Entries.version` of *folder* by now, at the price of one system call."""
    try:
        return str((folder / "..data").readlink())
    except OSError:
        return None


def read(folder: Path) -> Entries:
    """Every file of *folder*, but for those that begin with ``..``, which are the kubelet's own.

    Raises
    ------
    OSError
        If one of them cannot be read.
    """
    for _ in range(_ATTEMPTS):
        seen = version(folder)
        current = folder if seen is None else folder / seen
        failure = None
        try:
            entries = [each for each in sorted(current.iterdir()) if not each.name.startswith("..")]
            contents = {each.name: each.read_bytes() for each in entries if not each.is_dir()}
        except OSError as error:
            failure = error
        # The kubelet removes the old folder, entry by entry, once the link leads to the new one.
        if version(folder) == seen:
            break
    if failure is not None:
        raise failure
    return Entries(seen, contents)
