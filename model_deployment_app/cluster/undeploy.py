"""Removes a release from whatever state it is in, and proves by listing that nothing is left.

helm alone does not: it leaves pods of `helm test`, forgets what a failed install had made, and cannot read a
release whose record is broken. So helm goes first, and what still bears the release's label is removed after it.
"""

import time
from dataclasses import dataclass

from ..errors import DeployError, LeftBehind
from . import commands
from .helm import Helm
from .kubectl import CLAIMS, Kubectl, Object, selector
from .witness import Show

# Two minutes more than a pod may take to end by the chart's defaults.
TIMEOUT_S = 180
LOOK_S = 0.5


@dataclass(frozen=True, slots=True)
class Removal:
    """What a removal came to."""

    # As they were found, `kind/name`.
    removed: list[str]
    n_kinds_listed: int
    # What could not be listed, and is not proven to be gone.
    forbidden: list[str]
    has_namespace: bool
    claims: list[str]


def undeploy(release: str, *, helm: Helm, kubectl: Kubectl, show: Show, timeout_s: float = TIMEOUT_S) -> Removal:
    """Remove all that *release* has in its namespace, but not the namespace and its claims.

    Raises
    ------
    ClusterUnreachable
        If no cluster answers.
    LeftBehind
        If something is still there after *timeout_s*.
    """
    kubectl.check_reachable()
    if not kubectl.has_namespace():
        return Removal([], 0, [], False, [])
    kinds = kubectl.kinds()
    forbidden = kubectl.forbidden(kinds)
    kinds = [kind for kind in kinds if kind not in forbidden]
    removed = {name(one) for one in _left(release, kinds, kubectl)}
    _uninstall(release, helm, show)
    deadline = time.monotonic() + timeout_s
    while left := _left(release, kinds, kubectl):
        removed |= {name(one) for one in left}
        if time.monotonic() > deadline:
            raise LeftBehind(_told(left, kubectl.namespace))
        _delete(left, kubectl)
        show(f"removing {', '.join(sorted(map(name, left)))}")
        time.sleep(LOOK_S)
    claims = sorted(name(one) for one in kubectl.get(CLAIMS))
    return Removal(sorted(removed), len(kinds), forbidden, True, claims)


def name(one: Object) -> str:
    return f"{one['kind'].lower()}/{one['metadata']['name']}"


def _uninstall(release: str, helm: Helm, show: Show) -> None:
    try:
        if helm.history(release):
            helm.uninstall(release)
    except DeployError as error:
        # A record that helm cannot read is one more thing to remove.
        show(f"{error}; going on without helm")


def _left(release: str, kinds: list[str], kubectl: Kubectl) -> list[Object]:
    """What the release still has: what bears its label, and helm's own records."""
    labelled = kubectl.get(",".join(kinds), "--selector", selector(release))
    return labelled + kubectl.get("secrets,configmaps", "--selector", f"owner=helm,name={release}")


def _delete(left: list[Object], kubectl: Kubectl) -> None:
    for one in left:
        # What is owned goes with its owner; deleted before, it would be made anew.
        if "ownerReferences" in one["metadata"] or "deletionTimestamp" in one["metadata"]:
            continue
        group, _, version = one["apiVersion"].rpartition("/")
        # kind.version.group: a pod's group is empty, and its dot stays.
        kind = f"{one['kind'].lower()}.{version}.{group}"
        words = kubectl.words("delete", kind, one["metadata"]["name"], "--ignore-not-found", "--wait=false")
        result = commands.attempt(*words)
        if result.returncode:
            raise LeftBehind(f"{name(one)} cannot be removed: {commands.last_words(result.stderr)}")


def _told(left: list[Object], namespace: str) -> str:
    lines = []
    for one in left:
        held = ", ".join(one["metadata"].get("finalizers", [])) or "nothing that it names"
        lines.append(f"{name(one)} is still there; held by {held}")
    return "\n".join([*lines, f"next: kubectl describe {name(left[0])} --namespace {namespace}"])
