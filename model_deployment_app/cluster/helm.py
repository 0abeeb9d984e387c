"""helm in one namespace: its flags, version by version, and its JSON."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import helm_yaml
from ..errors import DeployError
from . import commands

# As many as a deployment's history is to have; helm keeps 10 by itself.
HISTORY = 32
# What is assumed where no cluster is asked: without it, an old helm renders for Kubernetes 1.20.
KUBE_VERSION = "1.31.0"


@dataclass(frozen=True, slots=True)
class Revision:
    """One line of `helm history`."""

    number: int
    status: str
    chart: str
    updated: str

    @property
    def is_pending(self) -> bool:
        return self.status.startswith("pending-")


@dataclass(frozen=True, slots=True)
class Helm:
    binary: str
    namespace: str

    def lint(self, chart: Path, values: Sequence[str]) -> None:
        """Raise DeployError, one fault a line, if *chart* with *values* has faults."""
        if faults := lint_faults(self.binary, chart, values):
            raise DeployError("\n".join(faults))

    def template(self, release: str, chart: Path, values: Sequence[str]) -> str:
        """The manifests, as YAML."""
        return commands.run(
            self.binary, "template", release, chart, *self._there, "--kube-version", KUBE_VERSION, *values
        )

    def history(self, release: str) -> list[Revision]:
        """The revisions of *release*, oldest first; none if it was never installed."""
        result = commands.attempt(self.binary, "history", release, *self._there, "--output", "json")
        if result.returncode and "release: not found" in result.stderr:
            return []
        if result.returncode:
            raise DeployError(f"helm history: {commands.last_words(result.stderr)}")
        return [
            Revision(number=line["revision"], status=line["status"], chart=line["chart"], updated=line["updated"])
            for line in json.loads(result.stdout)
        ]

    def upgrade_words(self, release: str, chart: Path, values: Sequence[str], *, timeout_s: int) -> list[str | Path]:
        """The command that installs or upgrades, waits, and rolls back what fails."""
        words: list[str | Path] = [self.binary, "upgrade", "--install", release, chart, *self._there]
        words += ["--create-namespace", "--reset-values", "--history-max", str(HISTORY), "--timeout", f"{timeout_s}s"]
        return [*words, *atomic_flags(commands.run(self.binary, "version", "--short")), *values]

    def rollback(self, release: str, revision: int, *, timeout_s: int, is_waiting: bool) -> None:
        wait = ["--wait", "--timeout", f"{timeout_s}s"] if is_waiting else []
        commands.run(self.binary, "rollback", release, str(revision), *self._there, *wait)

    def uninstall(self, release: str) -> None:
        commands.run(self.binary, "uninstall", release, *self._there)

    @property
    def _there(self) -> tuple[str, ...]:
        return ("--namespace", self.namespace)


def lint_faults(binary: str, chart: Path, values: Sequence[str] = ()) -> list[str]:
    """What `helm lint --strict` has against *chart* with *values*, one fault a line."""
    result = commands.attempt(binary, "lint", "--strict", chart, *values)
    if not result.returncode:
        return []
    lines = [line for line in result.stdout.splitlines() if line.startswith(("[ERROR]", "- "))]
    return [f"{chart}: {line}" for line in lines or [commands.last_words(result.stderr or result.stdout)]]


def atomic_flags(version: str) -> list[str]:
    """What waits, and rolls a failure back, in the helm that says *version*: 4 has renamed both."""
    is_3 = version.strip().startswith("v3.")
    return ["--atomic", "--wait"] if is_3 else ["--rollback-on-failure", "--wait=watcher"]


def documents(manifests: str) -> list[dict[str, Any]]:
    """The objects in what `helm template` prints."""
    parts = (helm_yaml.load(part) for part in re.split(r"^---.*$", manifests, flags=re.MULTILINE))
    return [part for part in parts if part]
