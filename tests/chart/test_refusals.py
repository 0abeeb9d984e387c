"""Values that Kubernetes would refuse late, or take for something else, are refused before anything is deployed."""

import json
from collections.abc import Callable
from typing import Any

import pytest


def several(*models: dict[str, Any]) -> dict[str, Any]:
    """Values of a chart that serves these in place of the one that it was rendered for."""
    own = dict.fromkeys(["name", "modelType", "job", "model", "inputSize"])
    every = {"modelType": "joblib", "job": "regression", "model": {"method": "LOCAL", "path": "/models/m"}}
    return {"config": {**own, "models": [every | model for model in models]}}


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"image": {"tag": "latest"}}, "image.tag: latest cannot be rolled back to"),
        ({"image": {"tag": "latest-cuda"}}, "image.tag: latest cannot be rolled back to"),
        ({"service": {"nodePort": 30080}}, "service.nodePort: a Service of type ClusterIP has none"),
        ({"service": {"port": 8001}, "config": {"grpc": True}}, "service.port: 8001 is the port for gRPC"),
        ({"ingress": {"enabled": True, "hosts": []}}, "ingress.hosts: an Ingress needs a host"),
        (
            {"modelVolume": {"existingClaim": "models", "source": {"emptyDir": {}}}},
            "modelVolume: existingClaim and source exclude each other",
        ),
        (
            {"serviceAccount": {"annotations": {"a": "b"}}},
            "serviceAccount.annotations: written only with serviceAccount.create: true",
        ),
        ({"terminationGracePeriodSeconds": 10}, "terminationGracePeriodSeconds: 10 leaves no time"),
        ({"preStopSeconds": 60}, "terminationGracePeriodSeconds: 60 leaves no time"),
        (
            {"ingress": {"enabled": True, "hosts": [{"paths": [{"path": "/iris"}, {"path": "/v1/iris"}]}]}},
            "ingress.hosts: the server has routes of its own under /v1/iris",
        ),
        (
            {
                "ingress": {
                    "enabled": True,
                    "hosts": [{"paths": [{"path": "/v2(/|$)(.*)", "pathType": "ImplementationSpecific"}]}],
                }
            },
            "ingress.hosts: the server has routes of its own under /v2(/|$)(.*)",
        ),
        (
            {"ingress": {"enabled": True, "hosts": [{"paths": [{"path": "/api/iris"}, {"path": "/metrics"}]}]}},
            "ingress.hosts: the server has routes of its own under /metrics",
        ),
        ({"podAnnotations": {"checksum/config": "x"}}, "podAnnotations: checksum/config is the chart's own"),
        ({"modelVolume": {"mountPath": "/tmp"}}, "modelVolume.mountPath: /tmp is mounted already"),
        (
            {"config": {"device": "cuda"}},
            "config.device: cuda asked, but the pod has 0 GPU(s); set gpu.enabled and gpu.count, or device: auto",
        ),
        ({"config": {"device": "cuda:0"}, "gpu": {"count": 4}}, "config.device: cuda:0 asked, but the pod has 0"),
        (
            {"config": {"device": "cuda:2"}, "gpu": {"enabled": True, "count": 2}},
            "config.device: cuda:2 asked, but the pod has 2 GPU(s)",
        ),
        ({"config": {"device": "cuda:10"}, "gpu": {"enabled": True}}, "config.device: cuda:10 asked"),
        (
            several({"name": "a"}, {"name": "b", "device": "cuda:1"}) | {"gpu": {"enabled": True}},
            "config.models: b: device: cuda:1 asked, but the pod has 1 GPU(s)",
        ),
        (several({"name": "a"}, {"name": "b"}, {"name": "a"}), "config.models: two are named a;"),
        (
            {"podLabels": {"app.kubernetes.io/name": "x"}},
            "podLabels: app.kubernetes.io/name is what the Service selects",
        ),
    ],
)
def test_values_that_contradict_one_another_are_refused(
    refusal: Callable[..., str], values: dict[str, Any], line: str
) -> None:
    message = refusal(values)

    assert line in message


@pytest.mark.parametrize(
    "values",
    [
        {"config": {"device": "auto"}},
        {"config": {"device": "cpu"}},
        {"config": {"device": "cpu"}, "gpu": {"enabled": True}},
        {"config": {"device": "cuda"}, "gpu": {"enabled": True}},
        {"config": {"device": "cuda:0", "gpuMemoryFraction": 0.5}, "gpu": {"enabled": True}},
        {"config": {"device": "cuda:1"}, "gpu": {"enabled": True, "count": 2}},
    ],
)
def test_a_device_that_the_pod_has_is_taken(render: Callable[..., Any], values: dict[str, Any]) -> None:
    config = json.loads(render(values)["ConfigMap"]["data"]["config.json"])

    assert config["device"] == values["config"]["device"]


def test_all_contradictions_are_told_at_once(refusal: Callable[..., str]) -> None:
    message = refusal({"image": {"tag": "latest"}, "preStopSeconds": 60})

    assert "image.tag: latest" in message
    assert "terminationGracePeriodSeconds: 60" in message


@pytest.mark.parametrize("release", ["1iris", "my.iris"])
def test_a_release_name_that_no_service_can_have_is_refused(refusal: Callable[..., str], release: str) -> None:
    message = refusal({}, release=release)

    assert f'a Service cannot be called "{release}"' in message


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"replicas": 2}, "replicas"),
        ({"image": {"tga": "1"}}, "tga"),
        ({"service": {"targetPort": 80}}, "targetPort"),
        ({"ingress": {"hosts": [{"host": "a", "paths": [{"path": "/a", "type": "Prefix"}]}]}}, "type"),
        ({"config": {"model": {"blobdir": "x"}}}, "config.model"),
        ({"config": {"modeltype": "pkl"}}, "modeltype"),
        ({"gpu": {"enable": True}}, "enable"),
        ({"probes": {"startup": {"failureThreshold": 9}}}, "failureThreshold"),
        ({"modelVolume": {"claim": "models"}}, "claim"),
    ],
)
def test_a_misspelt_key_is_refused(refusal: Callable[..., str], values: dict[str, Any], key: str) -> None:
    message = refusal(values)

    assert key in message


@pytest.mark.parametrize(
    "values",
    [
        {"image": {"tag": 1.1}},
        {"image": {"variant": "gpu"}},
        {"config": {"device": "gpu"}},
        {"config": {"device": "cuda:"}},
        {"config": {"gpuMemoryFraction": 0}},
        {"replicaCount": "two"},
        {"replicaCount": -1},
        {"service": {"port": 0}},
        {"service": {"type": "NodePort", "nodePort": 8080}},
        {"podLabels": {"version": 1.0}},
        {"modelCache": {"sizeLimit": "2 GB"}},
        {"modelVolume": {"source": {"nfs": {}, "hostPath": {}}}},
        {"fullnameOverride": "Iris"},
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(refusal: Callable[..., str], values: dict[str, Any]) -> None:
    message = refusal(values)

    assert "values don't meet the specifications of the schema" in message


def test_a_parent_chart_may_pass_its_globals(render: Callable[..., Any]) -> None:
    manifests = render({"global": {"region": "eu"}})

    assert manifests == render()
