"""What a cluster does by itself: addresses for Services, ReplicaSets and pods for Deployments.

How a pod fares is decided by a word in its image's tag; without one it is ready at once.
"""

import hashlib
import json
from typing import Any

from .kinds import Kind, named
from .store import Object, Store

REFUSAL = "ArtifactNotFound: /models/iris.joblib: no such file; see modelVolume"
PROBE_ANSWER = "Startup probe failed: HTTP probe failed with statuscode: 503"
PULL_FAILURE = 'Failed to pull image "app": rpc error: manifest unknown'
LAST_LOG_LINE = "ValueError: the last words in a log"

REVISION = "deployment.kubernetes.io/revision"
RUNNING: Object = {"state": {"running": {}}, "restartCount": 0}


def _crashing(**terminated: Any) -> Object:
    return {
        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
        "lastState": {"terminated": {"reason": "Error", "exitCode": 1, **terminated}},
        "restartCount": 3,
    }


# By the word in the tag: the state of the container, and the event that comes with it.
OUTCOMES: dict[str, tuple[Object, tuple[str, str] | None]] = {
    "refuses": (_crashing(message=REFUSAL), None),
    "silent": (_crashing(), None),
    "absent": (
        {"state": {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off"}}, "restartCount": 0},
        ("Failed", PULL_FAILURE),
    ),
    "unready": (RUNNING, ("Unhealthy", PROBE_ANSWER)),
    "slow": (RUNNING, None),
}


def reconcile(store: Store, kind: Kind, one: Object) -> None:
    """Bring the cluster to what *one*, which was just written, asks for."""
    if kind.name == "Service" and "clusterIP" not in one["spec"]:
        store.put(kind, one["metadata"]["namespace"], one | {"spec": one["spec"] | {"clusterIP": "10.0.0.1"}})
    if kind.name == "Deployment" and one.get("status", {}).get("observedGeneration") != one["metadata"]["generation"]:
        _roll(store, one)


def _roll(store: Store, deployment: Object) -> None:
    namespace, spec = deployment["metadata"]["namespace"], deployment["spec"]
    replicas = spec.get("replicas", 1)
    digest = hashlib.sha256(json.dumps(spec["template"], sort_keys=True).encode()).hexdigest()[:10]
    of_before = _owned(store, named("ReplicaSet"), deployment)
    revision = str(1 + max((int(one["metadata"]["annotations"][REVISION]) for one in of_before), default=0))
    new = _replica_set(store, deployment, digest, revision)
    outcome = _outcome(new)
    is_ready = outcome is None
    for one in of_before:
        # As with maxUnavailable: 0: an old pod goes once a new one is ready.
        if is_ready and one["metadata"]["name"] != new["metadata"]["name"]:
            store.put(named("ReplicaSet"), namespace, one | {"spec": one["spec"] | {"replicas": 0}})
            for pod in _owned(store, named("Pod"), one):
                store.delete(named("Pod"), namespace, pod["metadata"]["name"])
    n_old = sum(len(_owned(store, named("Pod"), one)) for one in of_before if one["metadata"]["name"] != _name(new))
    ready = replicas if is_ready else n_old
    deployment["metadata"].setdefault("annotations", {})[REVISION] = revision
    deployment["status"] = {
        "observedGeneration": deployment["metadata"]["generation"],
        "replicas": replicas + n_old,
        "updatedReplicas": replicas,
        "readyReplicas": ready,
        "availableReplicas": ready,
        "conditions": [{"type": "Progressing", "status": "True", "reason": "ReplicaSetUpdated"}],
    }
    store.put(named("Deployment"), namespace, deployment)


def _replica_set(store: Store, deployment: Object, digest: str, revision: str) -> Object:
    """The ReplicaSet of the Deployment's template, with its pods."""
    namespace, spec = deployment["metadata"]["namespace"], deployment["spec"]
    replicas = spec.get("replicas", 1)
    template = json.loads(json.dumps(spec["template"]))
    labels = template["metadata"]["labels"]
    labels["pod-template-hash"] = digest
    made = store.put(
        named("ReplicaSet"),
        namespace,
        {
            "metadata": {
                "name": f"{_name(deployment)}-{digest}",
                "labels": labels,
                "annotations": {REVISION: revision},
                "ownerReferences": [_reference(deployment)],
            },
            "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template},
        },
    )
    outcome = _outcome(made)
    pods = _owned(store, named("Pod"), made)
    for number in range(len(pods), replicas):
        _pod(store, made, f"{_name(made)}-{number}", outcome)
    for extra in pods[replicas:]:
        store.delete(named("Pod"), namespace, _name(extra))
    ready = replicas if outcome is None else 0
    return store.put(named("ReplicaSet"), namespace, made | {"status": {"replicas": replicas, "readyReplicas": ready}})


def _pod(store: Store, replica_set: Object, name: str, outcome: str | None) -> None:
    namespace, template = replica_set["metadata"]["namespace"], replica_set["spec"]["template"]
    state, event = OUTCOMES[outcome] if outcome else (RUNNING, None)
    ready = {"type": "Ready", "status": "False" if outcome else "True"}
    metadata = {"name": name, "labels": template["metadata"]["labels"], "ownerReferences": [_reference(replica_set)]}
    status = {"phase": "Running", "conditions": [ready], "containerStatuses": [{"name": "model", **state}]}
    pod = store.put(named("Pod"), namespace, {"metadata": metadata, "spec": template["spec"], "status": status})
    if event:
        reason, message = event
        store.put(
            named("Event"),
            namespace,
            {
                "metadata": {"name": f"{name}.{reason.lower()}"},
                "involvedObject": {"kind": "Pod", "name": name, "uid": pod["metadata"]["uid"]},
                "type": "Warning",
                "reason": reason,
                "message": message,
                "count": 3,
                "lastTimestamp": pod["metadata"]["creationTimestamp"],
            },
        )


def _outcome(replica_set: Object) -> str | None:
    image = replica_set["spec"]["template"]["spec"]["containers"][0]["image"]
    return next((word for word in OUTCOMES if word in image.rpartition(":")[2]), None)


def _owned(store: Store, kind: Kind, owner: Object) -> list[Object]:
    uid = owner["metadata"]["uid"]
    found = store.find(kind, owner["metadata"]["namespace"])
    return [one for one in found if any(by["uid"] == uid for by in one["metadata"].get("ownerReferences", []))]


def _name(one: Object) -> str:
    return one["metadata"]["name"]


def _reference(owner: Object) -> Object:
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": _name(owner),
        "uid": owner["metadata"]["uid"],
        "controller": True,
    }
