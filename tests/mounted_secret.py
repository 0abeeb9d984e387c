"""A mounted Secret, which changes as the kubelet changes it."""

import shutil
from collections.abc import Mapping
from itertools import count
from pathlib import Path


class Secret:
    """A folder whose link ``..data`` is turned to a new one at each change.

    Parameters
    ----------
    folder : Path
        Not there yet.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._numbers = count()
        folder.mkdir()

    def put(self, entries: Mapping[str, str]) -> None:
        """Replace all entries at once, and remove the former ones."""
        link, turned = self.folder / "..data", self.folder / "..data_tmp"
        before = link.resolve() if link.is_symlink() else None
        version = self.folder / f"..2026_11_25_12_00_00.{next(self._numbers)}"
        version.mkdir()
        for name, content in entries.items():
            (version / name).write_text(content)
        turned.symlink_to(version.name)
        turned.replace(link)
        for name in entries:
            if not (self.folder / name).is_symlink():
                (self.folder / name).symlink_to(f"..data/{name}")
        if before is not None:
            shutil.rmtree(before)
