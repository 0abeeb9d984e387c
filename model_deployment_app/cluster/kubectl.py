"""kubectl in one namespace: what it is asked here, and its JSON."""

import json
import re
from dataclasses import dataclass
from typing import Any

from ..errors import ClusterUnreachable
from . import commands

Object = dict[str, Any]

# Left where they are when a release goes: claims hold what people have put there.
CLAIMS = "persistentvolumeclaims"
# They bear no labels, and expire by themselves.
EVENTS = ("events", "events.events.k8s.io")


def selector(release: str) -> str:
    """What selects the objects of a release, as charts label them."""
    return f"app.kubernetes.io/instance={release}"


@dataclass(frozen=True, slots=True)
class Kubectl:
    binary: str
    namespace: str

    def words(self, *words: str) -> list[str]:
        return [self.binary, *words, "--namespace", self.namespace]

    def run(self, *words: str) -> str:
        return commands.run(*self.words(*words))

    def check_reachable(self) -> None:
        """Ask the cluster for its version.

        Raises
        ------
        ClusterUnreachable
            If none answers.
        """
        result = commands.attempt(self.binary, "get", "--raw", "/version", "--request-timeout", "10s")
        if result.returncode:
            raise ClusterUnreachable(
                f"no cluster is reached: {commands.last_words(result.stderr)}; "
                "set KUBECONFIG, or see `kubectl config get-contexts`"
            )

    def has_namespace(self) -> bool:
        return bool(commands.run(self.binary, "get", "namespace", self.namespace, "--ignore-not-found", "-o", "name"))

    def get(self, kinds: str, *selection: str) -> list[Object]:
        """The objects of *kinds*, which commas part, that are selected."""
        return json.loads(self.run("get", kinds, *selection, "--output", "json"))["items"]

    def kinds(self) -> list[str]:
        """All that this cluster can hold in a namespace and delete, without claims and events."""
        # An aggregated API that is down fails this, and the rest is listed nevertheless.
        result = commands.attempt(
            self.binary, "api-resources", "--namespaced", "--verbs=list,delete", "--output", "name", "--cached=false"
        )
        found = [kind for kind in result.stdout.split() if kind not in (CLAIMS, *EVENTS)]
        if not found:
            raise ClusterUnreachable(f"the cluster lists no kinds: {commands.last_words(result.stderr)}")
        return found

    def forbidden(self, kinds: list[str]) -> list[str]:
        """Those of *kinds* that whoever asks may not list here."""
        result = commands.attempt(*self.words("get", ",".join(kinds), "--output", "name"))
        return re.findall(r"^Error from server \(Forbidden\): (\S+) is forbidden", result.stderr, re.MULTILINE)
