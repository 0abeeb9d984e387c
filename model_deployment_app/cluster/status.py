"""What runs of a release: which image, which artifact, which revision, and whether its pods are ready."""

import json
from collections.abc import Sequence
from typing import Any

from ..errors import NotDeployed
from . import evidence
from .evidence import Object
from .helm import Helm, Revision
from .kubectl import Kubectl, selector

CONFIG_FILE = "config.json"


def status(release: str, *, helm: Helm, kubectl: Kubectl) -> list[str]:
    """The lines to print for *release*.

    Raises
    ------
    ToolMissing, ClusterUnreachable
        If the question could not be asked.
    NotDeployed
        If there is nothing of it in the namespace.
    """
    kubectl.check_reachable()
    history = helm.history(release)
    found = kubectl.get("deployments,pods,configmaps", "--selector", selector(release))
    events = kubectl.get("events", "--field-selector", "type=Warning")
    if not history and not found:
        raise NotDeployed(f"{release} is not deployed in {kubectl.namespace}: see make k8s-deploy, or give NAMESPACE=")
    return lines(f"{release} in {kubectl.namespace}", history=history, objects=found, events=events)


def lines(title: str, *, history: Sequence[Revision], objects: Sequence[Object], events: Sequence[Object]) -> list[str]:
    """What *history* and the cluster's *objects* come to; each fact in a line of its own."""
    deployments = [one for one in objects if one["kind"] == "Deployment"]
    pods = [one for one in objects if one["kind"] == "Pod" and evidence.serves(one)]
    wanted = sum(one["spec"].get("replicas", 1) for one in deployments)
    told = [title, f"  release   {_release(history)}"]
    told += [f"  image     {image}" for image in sorted(set(map(_image, pods or map(_template, deployments))))]
    configs = [json.loads(one["data"][CONFIG_FILE]) for one in objects if CONFIG_FILE in one.get("data", {})]
    told += [f"  artifact  {_artifact(one)}" for config in configs for one in config.get("models", [config])]
    told += [f"  pods      {sum(map(evidence.is_ready, pods))} of {wanted} ready"]
    told += [f"    {_pod(pod)}" for pod in sorted(pods, key=lambda pod: pod["metadata"]["name"])]
    if reason := evidence.why(deployments, pods, events):
        told += [f"  why       {reason.text}", f"  next      {reason.next}"]
    return told


def _release(history: Sequence[Revision]) -> str:
    if not history:
        return "helm knows of none"
    last = history[-1]
    return f"revision {last.number}, {last.status}, {last.chart}, {last.updated}"


def _template(deployment: Object) -> Object:
    return deployment["spec"]["template"]


def _image(pod: Object) -> str:
    return next(one["image"] for one in pod["spec"]["containers"] if one["name"] == "model")


def _artifact(served: dict[str, Any]) -> str:
    model = served["model"]
    where = model.get("path") or f"gs://{model.get('bucketName')}/{model.get('blobDir')}"
    digest = f"sha256 {model['sha256']}" if model.get("sha256") else "not pinned: config.model.sha256 is not set"
    return f"{where}, {digest}"


def _pod(pod: Object) -> str:
    state = "ready" if evidence.is_ready(pod) else pod.get("status", {}).get("phase", "Unknown")
    restarts = sum(one.get("restartCount", 0) for one in pod.get("status", {}).get("containerStatuses", []))
    return f"{pod['metadata']['name']}  {state}  {restarts} restarts  since {pod['metadata']['creationTimestamp']}"
