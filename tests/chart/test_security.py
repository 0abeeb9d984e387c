"""The restricted Pod Security Standard, in our own words: both pods start in a namespace that enforces it.

References
----------
Kubernetes, "Pod Security Standards", profile Restricted.
"""

from collections.abc import Callable
from typing import Any

import pytest

ALLOWED_VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}


def pod_of(manifest: dict[str, Any]) -> dict[str, Any]:
    return manifest["spec"]["template"]["spec"] if manifest["kind"] == "Deployment" else manifest["spec"]


@pytest.mark.parametrize("kind", ["Deployment", "Pod"])
@pytest.mark.parametrize(
    "values",
    [
        {},
        {"gpu": {"enabled": True}},
        {"modelVolume": {"existingClaim": "models"}},
        {"auth": {"existingSecret": "api-keys"}},
    ],
    ids=["cpu", "gpu", "claim", "keys"],
)
def test_a_pod_is_restricted(render: Callable[..., Any], values: dict[str, Any], kind: str) -> None:
    pod = pod_of(render(values)[kind])

    assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers", "ephemeralContainers"} & set(pod)
    assert all(set(volume) - {"name"} <= ALLOWED_VOLUMES for volume in pod["volumes"])
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == 10001
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert "sysctls" not in pod["securityContext"]
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        }
        assert all("hostPort" not in port for port in container.get("ports", []))


@pytest.mark.parametrize("kind", ["Deployment", "Pod"])
def test_a_pod_gets_nothing_from_the_kubernetes_api(render: Callable[..., Any], kind: str) -> None:
    pod = pod_of(render()[kind])

    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False


@pytest.mark.parametrize("kind", ["Deployment", "Pod"])
def test_a_pod_can_write_where_it_must(render: Callable[..., Any], kind: str) -> None:
    pod = pod_of(render()[kind])

    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    mounts = {mount["mountPath"]: mount for mount in pod["containers"][0]["volumeMounts"]}
    environment = {variable["name"]: variable["value"] for variable in pod["containers"][0]["env"]}
    assert "emptyDir" in volumes[mounts[environment["HOME"]]["name"]]
    assert "MODEL_CACHE_DIR" not in environment or "emptyDir" in volumes[mounts[environment["MODEL_CACHE_DIR"]]["name"]]
    assert pod["securityContext"]["fsGroup"] == 10001


def test_one_setting_is_laid_over_the_restricted_defaults(render: Callable[..., Any]) -> None:
    values = {"podSecurityContext": {"runAsUser": 7}, "securityContext": {"readOnlyRootFilesystem": False}}

    pod = pod_of(render(values)["Deployment"])

    assert pod["securityContext"]["runAsUser"] == 7
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["containers"][0]["securityContext"]["readOnlyRootFilesystem"] is False
    assert pod["containers"][0]["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_a_created_service_account_is_the_one_that_pods_run_as(render: Callable[..., Any]) -> None:
    manifests = render(
        {"serviceAccount": {"create": True, "annotations": {"iam.gke.io/gcp-service-account": "reader"}}}
    )

    account = manifests["ServiceAccount"]
    assert pod_of(manifests["Deployment"])["serviceAccountName"] == account["metadata"]["name"] == "iris"
    assert account["metadata"]["annotations"] == {"iam.gke.io/gcp-service-account": "reader"}
    assert account["automountServiceAccountToken"] is False
