"""Fails when model_deployment_app/ has changed since the last release under the version of that release.

`make version-check` and `make lint` run this. A release is a tag vX.Y.Z.
"""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

PACKAGE = "model_deployment_app"


def main() -> None:
    version = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    described = _git("describe", "--tags", "--abbrev=0", "--match", "v[0-9]*.[0-9]*.[0-9]*")
    if described.returncode:
        print(f"version {version}: no release is tagged yet")
        return
    tag = described.stdout.strip()
    changed = _git("diff", "--name-only", tag, "--", PACKAGE).stdout
    changed += _git("ls-files", "--others", "--exclude-standard", "--", PACKAGE).stdout
    if changed and _numbers(version) <= _numbers(tag.removeprefix("v")):
        files = changed.split()
        sys.exit(
            f"version {version}: {PACKAGE}/ has changed since {tag}, and the version was not raised "
            f"({len(files)} files, {files[0]} for one): make bump PART=patch"
        )
    print(f"version {version}: {'raised' if changed else 'nothing has changed'} since {tag}")


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)[:3]]


def _git(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *words], capture_output=True, text=True)


if __name__ == "__main__":
    main()
