"""Every combination of features is one that Kubernetes accepts, in each version that we promise."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest

FOUNDING_SECTIONS = ("replicaCount", "image", "service", "ingress", "config")

LOCAL = {
    "model": {
        "method": "LOCAL",
        "path": "/models/iris.joblib",
        "projectName": None,
        "bucketName": None,
        "blobDir": None,
    }
}

FEATURES: dict[str, dict[str, Any]] = {
    "default": {},
    "local model in a claim": {"config": LOCAL, "modelVolume": {"existingClaim": "models"}},
    "local model on nfs": {
        "config": LOCAL,
        "modelVolume": {"source": {"nfs": {"server": "10.0.0.2", "path": "/export"}}, "mountPath": "/mnt/nfs"},
    },
    "one gpu pod": {"gpu": {"enabled": True, "runtimeClassName": "nvidia"}},
    "several gpu pods": {"gpu": {"enabled": True, "count": 2}, "replicaCount": 3, "nodeSelector": {"disk": "ssd"}},
    "ingress with tls": {
        "ingress": {
            "enabled": True,
            "className": "nginx",
            "annotations": {"nginx.ingress.kubernetes.io/proxy-body-size": "16m"},
            "tls": [{"secretName": "tls-secret", "hosts": ["models.example.com"]}],
        },
        "auth": {"existingSecret": "api-keys"},
    },
    "grpc": {"config": {"grpc": True}},
    "node port": {"service": {"type": "NodePort", "nodePort": 30080}},
    "service account": {
        "serviceAccount": {"create": True, "annotations": {"iam.gke.io/gcp-service-account": "reader@project"}}
    },
    "every extra": {
        "extraEnv": [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}],
        "extraVolumes": [{"name": "certificates", "secret": {"secretName": "certificates"}}],
        "extraVolumeMounts": [{"name": "certificates", "mountPath": "/etc/certificates"}],
        "imagePullSecrets": [{"name": "registry"}],
        "podAnnotations": {"team": "fraud"},
        "tolerations": [{"key": "dedicated", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {
            "nodeSelectorTerms": [{"matchExpressions": [{"key": "zone", "operator": "Exists"}]}]}}},
    },
}  # fmt: skip


def model_container(manifests: dict[str, Any]) -> dict[str, Any]:
    return manifests["Deployment"]["spec"]["template"]["spec"]["containers"][0]


def assert_valid(manifests: dict[str, Any], version: str) -> None:
    for manifest in manifests.values():
        # Raises SchemaNotFoundError for a kind that this version does not have.
        assert kubernetes_validate.validate(manifest, version, strict=True) == version


@pytest.mark.parametrize("version", ["1.28", "1.31", "1.34", "1.36"])
@pytest.mark.parametrize("values", FEATURES.values(), ids=FEATURES)
def test_kubernetes_accepts_every_object(render: Callable[..., Any], values: dict[str, Any], version: str) -> None:
    manifests = render(values, kubernetes=f"{version}.0")

    assert {"ConfigMap", "Deployment", "Service", "Pod"} <= set(manifests)
    assert_valid(manifests, version)


def test_a_fresh_chart_passes_a_strict_lint(helm: str, chart: Path) -> None:
    result = subprocess.run([helm, "lint", "--strict", chart], capture_output=True, text=True, check=False)

    assert result.returncode == 0, result.stdout
    assert "0 chart(s) failed" in result.stdout


def test_a_fresh_chart_holds_nothing_that_was_not_asked_for(render: Callable[..., Any]) -> None:
    manifests = render()

    assert set(manifests) == {"ConfigMap", "Deployment", "Service", "Pod"}


@pytest.mark.parametrize("version", ["1.28", "1.36"])
def test_the_five_founding_sections_are_enough(render: Callable[..., Any], chart: Path, version: str) -> None:
    sections = [
        line.partition(":")[0] for line in (chart / "values.yaml").read_text().splitlines() if line[:1].isalpha()
    ]
    without_the_rest = {section: None for section in sections if section not in FOUNDING_SECTIONS}

    founding = render(without_the_rest, kubernetes=f"{version}.0")

    complete = render(kubernetes=f"{version}.0")
    assert_valid(founding, version)
    assert len(without_the_rest) > 15
    # Only what a pod needs has no default but the one written in values.yaml.
    assert model_container(founding).pop("resources") != model_container(complete).pop("resources")
    assert founding == complete


@pytest.mark.parametrize(
    ("values", "written"),
    [
        ({"podSecurityContext": {"runAsUser": 1000650000}}, "runAsUser: 1000650000"),
        ({"terminationGracePeriodSeconds": 1000000}, "terminationGracePeriodSeconds: 1000000"),
        ({"config": {"startupSeconds": 86400}}, "progressDeadlineSeconds: 86520"),
        ({"config": {"inputSize": 1000000}}, '"inputSize": 1000000'),
        ({"resources": {"limits": {"memory": 4294967296}}}, "memory: 4294967296"),
    ],
)
def test_a_large_integer_keeps_its_digits(template: Callable[..., Any], values: dict[str, Any], written: str) -> None:
    result = template(values)

    assert written in result.stdout
