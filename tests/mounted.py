"""What the kubelet mounts."""

from pathlib import Path


class Secret:
    """A folder as the kubelet mounts a Secret: entries are links through ``..data``, which is swapped."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._moments = 0
        folder.mkdir()

    def write(self, **entries: str) -> None:
        self._moments += 1
        moment = self.folder / f"..2026_11_{self._moments}"
        moment.mkdir()
        for name, content in entries.items():
            (moment / name).write_text(content)
            if not (self.folder / name).is_symlink():
                (self.folder / name).symlink_to(f"..data/{name}")
        new = self.folder / "..data_tmp"
        new.symlink_to(moment.name)
        new.replace(self.folder / "..data")
        for entry in self.folder.iterdir():
            if not entry.name.startswith("..") and not entry.exists():
                entry.unlink()
