"""What this API holds, and the discovery documents that say so."""

from typing import Any, NamedTuple


class Kind(NamedTuple):
    api_version: str
    plural: str
    name: str
    is_namespaced: bool = True


EVERY = [
    Kind("v1", "namespaces", "Namespace", False),
    Kind("v1", "configmaps", "ConfigMap"),
    Kind("v1", "endpoints", "Endpoints"),
    Kind("v1", "events", "Event"),
    Kind("v1", "persistentvolumeclaims", "PersistentVolumeClaim"),
    Kind("v1", "pods", "Pod"),
    Kind("v1", "secrets", "Secret"),
    Kind("v1", "serviceaccounts", "ServiceAccount"),
    Kind("v1", "services", "Service"),
    Kind("apps/v1", "deployments", "Deployment"),
    Kind("apps/v1", "replicasets", "ReplicaSet"),
    Kind("networking.k8s.io/v1", "ingresses", "Ingress"),
]
VERBS = ["create", "delete", "get", "list", "patch", "update", "watch"]


def find(api_version: str, plural: str) -> Kind | None:
    return next((kind for kind in EVERY if kind[:2] == (api_version, plural)), None)


def named(name: str) -> Kind:
    return next(kind for kind in EVERY if kind.name == name)


def groups() -> dict[str, Any]:
    """The answer to GET /apis."""
    found = []
    for api_version in dict.fromkeys(kind.api_version for kind in EVERY if "/" in kind.api_version):
        version = {"groupVersion": api_version, "version": api_version.split("/")[1]}
        found.append({"name": api_version.split("/")[0], "versions": [version], "preferredVersion": version})
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": found}


def resources(api_version: str) -> dict[str, Any] | None:
    """The answer to GET /api/v1 and /apis/<group>/<version>."""
    found = [
        {
            "name": kind.plural,
            "singularName": kind.name.lower(),
            "namespaced": kind.is_namespaced,
            "kind": kind.name,
            "verbs": VERBS,
        }
        for kind in EVERY
        if kind.api_version == api_version
    ]
    if not found:
        return None
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": api_version, "resources": found}
