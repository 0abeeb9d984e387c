"""Installs or upgrades a release and waits; what does not become ready is rolled back, and explained.

`--atomic` has helm roll back by itself, even when this process is gone. Two things are left to do here: to roll
back when helm was content too early (it waits for replicas less maxUnavailable, helm#10845) or was stopped, and
to look at the pods before they are gone.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from ..errors import DeployError, RolloutFailed
from . import commands, undeploy
from .helm import Helm, Revision, documents
from .kubectl import Kubectl
from .source import Source
from .witness import Show, Witness

# startupSeconds, and 180 more: progressDeadlineSeconds has 120 of them already.
BEYOND_PROGRESS_S = 60
GONE = ("uninstalled", "uninstalling")
# What helm 3 and 4 say when they have waited in vain, and not been refused.
WAITED = re.compile("timed out|deadline exceeded|not ready", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Deployed:
    """A release whose pods are ready."""

    release: str
    revision: int
    image: str


def deploy(source: Source, *, helm: Helm, kubectl: Kubectl, show: Show) -> Deployed:
    """Bring the cluster to what *source* says.

    Raises
    ------
    ToolMissing, ClusterUnreachable
        Before anything was changed.
    DeployError
        A fault of the chart or its values, before anything was changed; or what helm was refused.
    RolloutFailed
        If pods did not become ready. What was ready before runs again; nothing is left of a first install.
    """
    helm.lint(source.chart, source.values)
    values = source.every_value
    deployment = _deployment(helm.template(source.release, source.chart, values))
    kubectl.check_reachable()
    before = helm.history(source.release)
    _check_free(before, source.release, kubectl.namespace)
    if before and before[-1].status in GONE:
        # helm upgrades nothing that was, or is half, uninstalled.
        undeploy.undeploy(source.release, helm=helm, kubectl=kubectl, show=show)
        before = []
    timeout_s = deployment["spec"]["progressDeadlineSeconds"] + BEYOND_PROGRESS_S
    name = deployment["metadata"]["name"]

    def put_back() -> str:
        return _put_back(source.release, before, helm=helm, kubectl=kubectl, show=show, timeout_s=timeout_s)

    witness = Witness(kubectl, source.release, show)
    try:
        result = witness.wait(*helm.upgrade_words(source.release, source.chart, values, timeout_s=timeout_s))
        if result.returncode:
            _fail(source.release, witness, result.stderr, put_back)
        result = witness.wait(*kubectl.words("rollout", "status", f"deployment/{name}", f"--timeout={timeout_s}s"))
        if result.returncode:
            _fail(source.release, witness, result.stderr, put_back)
    except KeyboardInterrupt:
        show("stopping: putting back what ran before; this takes a moment")
        raise DeployError(f"stopped; {put_back()}") from None
    image = deployment["spec"]["template"]["spec"]["containers"][0]["image"]
    return Deployed(source.release, helm.history(source.release)[-1].number, image)


def _deployment(manifests: str) -> dict:
    return next(one for one in documents(manifests) if one["kind"] == "Deployment")


def _check_free(history: list[Revision], release: str, namespace: str) -> None:
    """Refuse a release that another helm works on, or that one has left half done."""
    if not history or not history[-1].is_pending:
        return
    ran = _ran(history[:-1])
    free = (
        f"helm rollback {release} {ran.number} --namespace {namespace}"
        if ran
        else f"make k8s-undeploy MODEL={release} NAMESPACE={namespace}"
    )
    raise DeployError(
        f"{release} is {history[-1].status} since {history[-1].updated}: somebody deploys it, or was cut short\n"
        f"next: wait; or, if nobody does, {free}"
    )


def _ran(history: list[Revision]) -> Revision | None:
    """The revision that runs: the deployed one, or else the last, whose pods may have become ready since."""
    deployed = [one for one in history if one.status == "deployed"]
    running = deployed or history
    return running[-1] if running else None


def _fail(release: str, witness: Witness, stderr: str, put_back: Callable[[], str]) -> NoReturn:
    was_refused = stderr.strip() and not WAITED.search(stderr)
    after = put_back()
    if was_refused:
        raise DeployError(f"{release} was refused: {commands.last_words(stderr)}\n{after}")
    if not witness.reason:
        raise RolloutFailed(f"{release} did not become ready in time, and Kubernetes gives no reason\n{after}")
    raise RolloutFailed(
        f"{release} did not become ready: {witness.reason.text}\n{after}\n"
        f"next: {witness.reason.next}; then make k8s-deploy MODEL={release}"
    )


def _put_back(release: str, before: list[Revision], *, helm: Helm, kubectl: Kubectl, show: Show, timeout_s: int) -> str:
    """Have what ran *before* run again, unless helm has seen to it; what was done, in words."""
    ran = _ran(before)
    try:
        if ran is None:
            undeploy.undeploy(release, helm=helm, kubectl=kubectl, show=show)
            return "nothing ran before, and nothing is left of it"
        made, last = before[-1].number + 1, helm.history(release)[-1]
        if last.number == made or (last.number > made and last.status != "deployed"):
            # Nobody knows whether pods of a revision that has failed come up.
            helm.rollback(release, ran.number, timeout_s=timeout_s, is_waiting=ran.status == "deployed")
    except DeployError as error:
        return f"putting back what ran before has failed, too: {error}"
    if ran.status != "deployed":
        return f"rolled back to revision {ran.number}, which was {ran.status}"
    return f"rolled back: revision {ran.number} serves on"
