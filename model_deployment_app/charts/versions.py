"""Moves a chart to another version of this application: the one that its model is tested with next.

Only the lines that hold a version are written anew: the rest of the files is their owner's.
"""

import re
from pathlib import Path

from .. import helm_yaml
from ..errors import ChartError

# It is the image's tag, unless the values name one.
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
SEMVER = re.compile(r"(\d+)\.(\d+)\.(\d+)(.*)")


def move_app_version(chart: Path, version: str) -> str:
    """Set the appVersion of *chart*, and raise the chart's own version by a patch.

    Returns
    -------
    str
        What was done, in a line.

    Raises
    ------
    ChartError
        If *version* is no image's tag, or Chart.yaml does not hold two versions. Nothing was written then.
    """
    file = chart / "Chart.yaml"
    if not TAG.fullmatch(version):
        raise ChartError(f"{file}: {version!r} cannot be the tag of an image: letters, digits, '.', '_' and '-'")
    text = file.read_text(encoding="utf-8")
    held = helm_yaml.load(text)
    old, own = str(held.get("appVersion", "")), SEMVER.fullmatch(str(held.get("version", "")))
    if not old or not own:
        raise ChartError(f"{file}: expected an appVersion and a version such as 0.1.0")
    if old == version:
        return f"{chart}: appVersion is {version} already"
    raised = f"{own[1]}.{own[2]}.{int(own[3]) + 1}"
    text = re.sub(r"(?m)^appVersion:.*$", f'appVersion: "{version}"', text)
    file.write_text(re.sub(r"(?m)^version:.*$", f"version: {raised}", text), encoding="utf-8")
    _tell_readme(chart / "README.md", old, version)
    return f"{chart}: appVersion {old} -> {version}, version {own[0]} -> {raised}"


def _tell_readme(readme: Path, old: str, version: str) -> None:
    if readme.is_file():
        text = readme.read_text(encoding="utf-8")
        served_by = "Served by model-deployment-app {}."
        readme.write_text(text.replace(served_by.format(old), served_by.format(version)), encoding="utf-8")
