"""Why pods are not ready: a pure function over what Kubernetes says of them.

References
----------
Kubernetes API: PodStatus, ContainerStatus, DeploymentCondition, Event.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

Object = dict[str, Any]

# How often the same must have failed before waiting on is a waste of time; the kubelet's pauses grow meanwhile.
TRIES = 3

IMAGE = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError")
# No pull is tried a second time for these.
NEVER = ("InvalidImageName", "ErrImageNeverPull")
CONFIG = ("CreateContainerConfigError", "CreateContainerError", "RunContainerError")


@dataclass(frozen=True, slots=True)
class Reason:
    """What happened, in the words of who knows it best, and what to do next."""

    text: str
    next: str
    # True: it has failed so often, or so plainly, that it will not heal while one waits.
    is_final: bool = False
    # The pod whose log says more than Kubernetes does.
    log_of: str = ""


def why(deployments: Sequence[Object], pods: Sequence[Object], events: Sequence[Object]) -> Reason | None:
    """Why a release's pods are not ready; None while nothing speaks against them.

    Parameters
    ----------
    deployments, pods : sequence of dict
        Those of the release.
    events : sequence of dict
        Those of its namespace.
    """
    reason = _nearest(deployments, pods, events)
    # One line: what a kubelet or a scheduler says may be several.
    return reason and replace(reason, text=" ".join(reason.text.split()))


def _nearest(deployments: Sequence[Object], pods: Sequence[Object], events: Sequence[Object]) -> Reason | None:
    # The newest first: an old pod that is unwell is not what a rollout waits for.
    for pod in sorted(filter(serves, pods), key=_created, reverse=True):
        if is_ready(pod) or "deletionTimestamp" in pod["metadata"]:
            continue
        own = [event for event in events if event["involvedObject"].get("uid") == pod["metadata"].get("uid")]
        if reason := _of_container(pod, own) or _of_scheduling(pod) or _of_events(pod, own):
            return reason
    return next(filter(None, map(_of_deployment, deployments)), None)


def serves(pod: Object) -> bool:
    """Whether a Deployment made it: the pod of `helm test` has the release's label too."""
    return "pod-template-hash" in pod["metadata"].get("labels", {})


def is_ready(pod: Object) -> bool:
    return any(
        condition["type"] == "Ready" and condition["status"] == "True"
        for condition in pod.get("status", {}).get("conditions", [])
    )


def _created(pod: Object) -> str:
    return pod["metadata"].get("creationTimestamp") or ""


def _of_container(pod: Object, events: Sequence[Object]) -> Reason | None:
    for status in pod.get("status", {}).get("containerStatuses", []):
        waiting = status.get("state", {}).get("waiting", {})
        if waiting.get("reason") in IMAGE:
            return _of_image(status, waiting, events)
        if waiting.get("reason") in CONFIG:
            return Reason(
                f"{waiting['reason']}: {waiting.get('message', '')}",
                "see extraEnv, extraVolumes and modelVolume in the values",
            )
        terminated = status.get("state", {}).get("terminated") or status.get("lastState", {}).get("terminated")
        if terminated:
            return _of_end(pod, status, terminated, events)
    return None


def _of_image(status: Object, waiting: Object, events: Sequence[Object]) -> Reason:
    pulls = [event for event in events if "pull" in event.get("message", "").lower() and event["reason"] == "Failed"]
    # The back-off's own message only says that it backs off.
    text = next((event["message"] for event in pulls if "Failed to pull" in event["message"]), waiting.get("message"))
    tries = max((event.get("count") or 1 for event in pulls), default=0)
    return Reason(
        f"{waiting['reason']}: {text or status.get('image')}",
        "see image.repository and the tag (IMAGE_TAG=), whether it was pushed, and imagePullSecrets",
        is_final=waiting["reason"] in NEVER or tries >= TRIES,
    )


def _of_end(pod: Object, status: Object, terminated: Object, events: Sequence[Object]) -> Reason:
    is_final = status.get("restartCount", 0) >= TRIES
    if terminated.get("reason") == "OOMKilled":
        return Reason(
            "the container needs more memory than its limit (OOMKilled)",
            "raise resources.limits.memory in the values",
            is_final,
        )
    if message := terminated.get("message"):
        return Reason(message, "docs/TROUBLESHOOTING.md has an entry for each code", is_final)
    # Whom a probe kills has no last words either; what the probe heard is nearer to the cause.
    if heard := _of_events(pod, events):
        return replace(heard, is_final=is_final)
    return Reason(
        f"the container ended with status {terminated.get('exitCode')}",
        "see config and resources in the values",
        is_final,
        log_of=pod["metadata"]["name"],
    )


def _of_scheduling(pod: Object) -> Reason | None:
    for condition in pod.get("status", {}).get("conditions", []):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return Reason(
                f"no node takes the pod: {condition.get('message', condition.get('reason'))}",
                "see resources, gpu, nodeSelector and tolerations in the values",
            )
    return None


def _of_events(pod: Object, events: Sequence[Object]) -> Reason | None:
    # BackOff says that something failed before, and Failed comes with a container's state.
    telling = [event for event in events if event.get("type") == "Warning" and event["reason"] != "BackOff"]
    if not telling:
        return None
    latest = max(telling, key=lambda event: event.get("lastTimestamp") or event.get("eventTime") or "")
    return Reason(
        f"{latest['reason']}: {latest['message']}",
        "raise config.startupSeconds if it only needs longer, else see config in the values",
        log_of=pod["metadata"]["name"] if latest["reason"] == "Unhealthy" else "",
    )


def _of_deployment(deployment: Object) -> Reason | None:
    conditions = {condition["type"]: condition for condition in deployment.get("status", {}).get("conditions", [])}
    if conditions.get("ReplicaFailure", {}).get("status") == "True":
        return Reason(conditions["ReplicaFailure"]["message"], "see the quota and the policies of the namespace")
    return None
