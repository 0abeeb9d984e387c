from typing import Any

import pytest

from model_deployment_app.cluster.evidence import Reason, why

Object = dict[str, Any]


def pod(
    state: Object | None = None,
    *,
    name: str = "new",
    created: str = "2026-01-02",
    restarts: int = 0,
    last: Object | None = None,
    conditions: list[Object] | None = None,
    **metadata: Any,
) -> Object:
    status = {"state": state or {"running": {}}, "lastState": last or {}, "restartCount": restarts, "image": "app:1"}
    labels = {"pod-template-hash": "a"}
    return {
        "metadata": {"name": name, "uid": name, "creationTimestamp": created, "labels": labels} | metadata,
        "status": {"containerStatuses": [status], "conditions": conditions or []},
    }


def event(reason: str, message: str, *, at: str = "2026-01-02T00:00:00Z", of: str = "new", count: int = 1) -> Object:
    involved = {"uid": of}
    return {
        "type": "Warning",
        "reason": reason,
        "message": message,
        "lastTimestamp": at,
        "involvedObject": involved,
        "count": count,
    }


def ended(**terminated: Any) -> Object:
    return {"terminated": {"reason": "Error", "exitCode": 1} | terminated}


BACK_OFF = {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}}
CRASH_LOOP = {"waiting": {"reason": "CrashLoopBackOff"}}
READY = [{"type": "Ready", "status": "True"}]
NOWHERE = [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes are available"}]


@pytest.mark.parametrize(
    ("pods", "events", "text"),
    [
        ([pod(CRASH_LOOP, last=ended(message="VersionSkew: too old\n"))], [], "VersionSkew: too old"),
        ([pod(last=ended(message="a refusal"))], [], "a refusal"),
        ([pod(ended(exitCode=3))], [], "the container ended with status 3"),
        (
            [pod(ended(reason="OOMKilled", message="x"))],
            [],
            "the container needs more memory than its limit (OOMKilled)",
        ),
        ([pod(last=ended(exitCode=137))], [event("Unhealthy", "probe failed: 503")], "Unhealthy: probe failed: 503"),
        ([pod(BACK_OFF)], [], "ImagePullBackOff: Back-off pulling image"),
        ([pod({"waiting": {"reason": "InvalidImageName"}})], [], "InvalidImageName: app:1"),
        (
            [pod(BACK_OFF)],
            [event("Failed", "Error: ImagePullBackOff"), event("Failed", "Failed to pull image: not found")],
            "ImagePullBackOff: Failed to pull image: not found",
        ),
        (
            [pod({"waiting": {"reason": "CreateContainerConfigError", "message": 'secret "keys" not found'}})],
            [],
            'CreateContainerConfigError: secret "keys" not found',
        ),
        ([pod(conditions=NOWHERE)], [], "no node takes the pod: 0/3 nodes are available"),
        (
            [pod()],
            [
                event("FailedMount", "no such\nclaim", at="2026-01-02T00:00:09Z"),
                event("BackOff", "again", at="2026-01-02T00:00:10Z"),
                event("FailedScheduling", "none", at="2026-01-02T00:00:01Z"),
            ],
            "FailedMount: no such claim",
        ),
        ([pod(BACK_OFF, name="old", created="2026-01-01"), pod(last=ended(message="mine"))], [], "mine"),
    ],
)
def test_the_nearest_cause_is_told(pods: list[Object], events: list[Object], text: str) -> None:
    reason = why([], pods, events)

    assert reason is not None
    assert reason.text == text
    assert reason.next


@pytest.mark.parametrize(
    "one",
    [
        pod(),
        pod({"waiting": {"reason": "ContainerCreating"}}),
        pod(last=ended(message="long ago"), conditions=READY),
        pod(ended(message="it is stopping"), deletionTimestamp="2026-01-02"),
        pod(ended(message="of helm test"), labels={}),
    ],
    ids=["running", "creating", "ready", "stopping", "of a test"],
)
def test_a_pod_that_is_well_or_not_waited_for_is_no_cause(one: Object) -> None:
    assert why([], [one], [event("Unhealthy", "another's", of="other")]) is None


@pytest.mark.parametrize(
    ("one", "events", "is_final"),
    [
        (pod(last=ended(message="no"), restarts=2), [], False),
        (pod(last=ended(message="no"), restarts=3), [], True),
        (pod(last=ended(), restarts=3), [], True),
        (pod(last=ended(exitCode=137), restarts=3), [event("Unhealthy", "503")], True),
        (pod(BACK_OFF), [event("Failed", "Failed to pull image", count=2)], False),
        (pod(BACK_OFF), [event("Failed", "Failed to pull image", count=3)], True),
        (pod({"waiting": {"reason": "ErrImageNeverPull"}}), [], True),
        (pod(conditions=NOWHERE), [], False),
        (pod(), [event("Unhealthy", "503", count=99)], False),
    ],
)
def test_what_has_failed_often_enough_is_not_waited_for(one: Object, events: list[Object], is_final: bool) -> None:
    reason = why([], [one], events)

    assert reason is not None
    assert reason.is_final == is_final


def test_pods_that_may_not_be_made_are_told_of_by_their_deployment() -> None:
    refused = {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota: models"}

    reason = why([{"status": {"conditions": [refused]}}], [], [])

    assert reason == Reason("exceeded quota: models", "see the quota and the policies of the namespace")
