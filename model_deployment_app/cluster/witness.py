"""Looks at a release while somebody waits for it: says how far it is, and remembers what went wrong.

It looks while helm works, since `--atomic` deletes the pods of a failed first install together with their words.
"""

import subprocess
from collections.abc import Callable
from dataclasses import replace

from ..errors import DeployError
from . import commands, evidence
from .evidence import Object, Reason
from .kubectl import Kubectl, selector

LOOK_S = 1.0

Show = Callable[[str], None]


class Witness:
    def __init__(self, kubectl: Kubectl, release: str, show: Show) -> None:
        self._kubectl = kubectl
        self._release = release
        self._show = show
        self.reason: Reason | None = None
        self._old = {pod["metadata"]["uid"] for pod in kubectl.get("pods", "--selector", selector(release))}

    def wait(self, *command: object) -> subprocess.CompletedProcess[str]:
        """Run *command* to its end, or until what it waits for can no longer come; then it is killed."""
        words = list(map(str, command))
        process = commands.start(*words)
        try:
            while True:
                try:
                    stdout, stderr = process.communicate(timeout=LOOK_S)
                    break
                except subprocess.TimeoutExpired:
                    self._look()
                    if self.reason and self.reason.is_final:
                        process.kill()
        except BaseException:
            process.kill()
            process.communicate()
            raise
        return subprocess.CompletedProcess(words, process.returncode, stdout, stderr)

    def _look(self) -> None:
        try:
            found = self._kubectl.get("deployments,pods", "--selector", selector(self._release))
            events = self._kubectl.get("events", "--field-selector", "type=Warning")
        except DeployError as error:
            # One look is lost; helm decides whether the cluster is.
            self._show(str(error))
            return
        deployments = [one for one in found if one["kind"] == "Deployment"]
        old: list[Object] = []
        new: list[Object] = []
        for pod in (one for one in found if one["kind"] == "Pod"):
            (old if pod["metadata"]["uid"] in self._old else new).append(pod)
        reason = evidence.why(deployments, new, events)
        if not reason and (standing := evidence.why([], old, events)):
            # A pod from before speaks for itself, but a rollout may be what cures it.
            reason = replace(standing, is_final=False)
        if reason and reason.log_of:
            reason = replace(reason, text=reason.text + self._end_of_log(reason.log_of))
        # What a rollback makes later has no reason; the last one is what it was made for.
        self.reason = reason or self.reason
        self._show(progress(deployments, reason))

    def _end_of_log(self, pod: str) -> str:
        """The last line of a container's log: of the one before, if it has been started anew."""
        for which in ("--previous=true", "--previous=false"):
            words = self._kubectl.words("logs", pod, "--container", "model", "--tail", "1", which)
            result = commands.attempt(*words)
            if not result.returncode and result.stdout.strip():
                return f"; its log ends: {result.stdout.strip()}"
        return ""


def progress(deployments: list[Object], reason: Reason | None) -> str:
    """How far a rollout is, in a line: ``1 of 2 pods ready; <why the others are not>``."""
    wanted = sum(one["spec"].get("replicas", 1) for one in deployments)
    counted = f"{sum(map(_new_ready, deployments))} of {wanted} pods ready" if deployments else "nothing is there yet"
    return f"{counted}; {reason.text}" if reason else counted


def _new_ready(deployment: Object) -> int:
    """The pods of the wanted template that are ready for certain: old ones are not what one waits for."""
    status = deployment.get("status", {})
    if status.get("observedGeneration") != deployment["metadata"].get("generation"):
        return 0
    old = status.get("replicas", 0) - status.get("updatedReplicas", 0)
    return max(0, status.get("readyReplicas", 0) - old)
