"""Replaces the pods of a release one by one, and waits; a restart that fails is undone, and explained."""

from ..errors import NotDeployed, RolloutFailed
from . import commands
from .kubectl import Kubectl, selector
from .witness import Show, Witness

# See deploy: the deadline of the rollout itself comes before.
BEYOND_PROGRESS_S = 60


def restart(release: str, *, kubectl: Kubectl, show: Show) -> None:
    """Restart the pods of *release*.

    Raises
    ------
    ToolMissing, ClusterUnreachable
        Before anything was changed.
    NotDeployed
        If it has no Deployment there.
    RolloutFailed
        If the new pods did not become ready; the old ones serve on.
    """
    kubectl.check_reachable()
    found = kubectl.get("deployments", "--selector", selector(release))
    if not found:
        raise NotDeployed(
            f"{release} is not deployed in {kubectl.namespace}: make k8s-deploy MODEL={release}, or give NAMESPACE="
        )
    name = f"deployment/{found[0]['metadata']['name']}"
    timeout_s = found[0]["spec"]["progressDeadlineSeconds"] + BEYOND_PROGRESS_S
    witness = Witness(kubectl, release, show)
    kubectl.run("rollout", "restart", name)
    result = witness.wait(*kubectl.words("rollout", "status", name, f"--timeout={timeout_s}s"))
    if result.returncode:
        kubectl.run("rollout", "undo", name)
        why = witness.reason.text if witness.reason else commands.last_words(result.stderr)
        raise RolloutFailed(
            f"the new pods of {release} did not become ready: {why}\n"
            "undone: the pods of before serve on\n"
            f"next: make k8s-status MODEL={release} NAMESPACE={kubectl.namespace}"
        )
