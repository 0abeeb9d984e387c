"""Every key of values.yaml changes something that is deployed."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from model_deployment_app.charts.schema import values_schema

# key -> a value other than the default. A key that is missing here, or that changes nothing, fails a test.
CHANGES: dict[str, Any] = {
    "replicaCount": 3,
    "image.repository": "registry.example.com/serving",
    "image.pullPolicy": "Always",
    "image.variant": "cuda",
    "image.tag": "1.2.3",
    "image.digest": "sha256:" + "0" * 64,
    "service.type": "LoadBalancer",
    "service.port": 8080,
    "service.nodePort": 30080,
    "service.annotations": {"networking.gke.io/load-balancer-type": "Internal"},
    "ingress.enabled": True,
    "ingress.className": "nginx",
    "ingress.annotations": {"nginx.ingress.kubernetes.io/proxy-body-size": "16m"},
    "ingress.hosts": [{"host": "other.example.com", "paths": [{"path": "/other", "pathType": "Exact"}]}],
    "ingress.tls": [{"secretName": "tls-secret"}],
    "auth.existingSecret": "api-keys",
    "auth.allowAnonymous": True,
    "resources.requests": {"cpu": "2"},
    "resources.limits": {"memory": "3Gi"},
    "gpu.enabled": True,
    "gpu.count": 2,
    "gpu.resourceName": "nvidia.com/mig-1g.10gb",
    "gpu.nodeSelector": {"cloud.google.com/gke-accelerator": "nvidia-l4"},
    "gpu.tolerations": [{"key": "gpu", "operator": "Exists"}],
    "gpu.runtimeClassName": "nvidia",
    "probes.startup.periodSeconds": 7,
    "probes.startup.timeoutSeconds": 7,
    "probes.readiness.periodSeconds": 7,
    "probes.readiness.timeoutSeconds": 7,
    "probes.readiness.failureThreshold": 7,
    "probes.liveness.periodSeconds": 7,
    "probes.liveness.timeoutSeconds": 7,
    "probes.liveness.failureThreshold": 7,
    "preStopSeconds": 20,
    "terminationGracePeriodSeconds": 90,
    "strategy": {"type": "Recreate"},
    "podSecurityContext": {"runAsUser": 1000},
    "securityContext": {"readOnlyRootFilesystem": False},
    "serviceAccount.create": True,
    "serviceAccount.name": "reader",
    "serviceAccount.annotations": {"iam.gke.io/gcp-service-account": "reader"},
    "modelVolume.existingClaim": "models",
    "modelVolume.source": {"nfs": {"server": "10.0.0.2", "path": "/"}},
    "modelVolume.mountPath": "/mnt/nfs",
    "modelCache.sizeLimit": "20Gi",
    "podLabels": {"team": "fraud"},
    "podAnnotations": {"team": "fraud"},
    "imagePullSecrets": [{"name": "registry"}],
    "nodeSelector": {"disk": "ssd"},
    "tolerations": [{"key": "dedicated", "operator": "Exists"}],
    "affinity": {"podAntiAffinity": {}},
    "topologySpreadConstraints": [
        {"maxSkew": 2, "topologyKey": "rack", "whenUnsatisfiable": "ScheduleAnyway"},
    ],
    "extraEnv": [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}],
    "extraVolumes": [{"name": "extra", "emptyDir": {}}],
    "extraVolumeMounts": [{"name": "tmp", "mountPath": "/extra"}],
    "nameOverride": "flowers",
    "fullnameOverride": "flowers",
}  # fmt: skip

# What must be on before a key can matter.
NEEDS: dict[str, dict[str, Any]] = {
    "service.nodePort": {"service.type": "NodePort"},
    "serviceAccount.annotations": {"serviceAccount.create": True},
    "modelVolume.mountPath": {"modelVolume.existingClaim": "models"},
    "auth.allowAnonymous": {"ingress.enabled": True},
    **{key: {"gpu.enabled": True} for key in CHANGES if key.startswith("gpu.")},
    **{
        key: {"ingress.enabled": True, "auth.existingSecret": "api-keys"}
        for key in CHANGES
        if key.startswith("ingress.")
    },
}


def keys(schema: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """The keys that the chart itself defines; below them lies what Kubernetes defines."""
    for name, part in schema["properties"].items():
        if "properties" in part:
            yield from keys(part, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def nested(changes: dict[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for path, value in changes.items():
        *sections, key = path.split(".")
        section = values
        for name in sections:
            section = section.setdefault(name, {})
        section[key] = value
    return values


def test_the_table_holds_every_key() -> None:
    known = set(keys(values_schema()))

    assert known - {"global", "config"} == set(CHANGES)


@pytest.mark.parametrize("key", CHANGES)
def test_a_key_matters(template: Callable[..., Any], key: str) -> None:
    needs = {name: value for name, value in NEEDS.get(key, {}).items() if name != key}

    before, after = template(nested(needs)), template(nested(needs | {key: CHANGES[key]}))

    assert after.returncode == 0, after.stderr
    assert before.stdout != after.stdout
