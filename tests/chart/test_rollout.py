"""How pods start, are replaced and stop."""

from collections.abc import Callable
from typing import Any

import pytest


def deployment_of(manifests: dict[str, Any]) -> dict[str, Any]:
    return manifests["Deployment"]["spec"]


def container_of(manifests: dict[str, Any]) -> dict[str, Any]:
    return deployment_of(manifests)["template"]["spec"]["containers"][0]


@pytest.mark.parametrize(
    ("values", "strategy"),
    [
        ({}, {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}),
        ({"replicaCount": 4}, {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}),
        ({"gpu": {"enabled": True}}, {"type": "Recreate"}),
        (
            {"gpu": {"enabled": True}, "replicaCount": 2},
            {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}},
        ),
        ({"gpu": {"enabled": True}, "strategy": {"type": "RollingUpdate"}}, {"type": "RollingUpdate"}),
    ],
    ids=["one cpu pod", "several cpu pods", "one gpu pod", "several gpu pods", "chosen"],
)
def test_the_strategy_fits_the_hardware(
    render: Callable[..., Any], values: dict[str, Any], strategy: dict[str, Any]
) -> None:
    deployment = deployment_of(render(values))

    assert deployment["strategy"] == strategy


@pytest.mark.parametrize(("startup_s", "period_s", "failures"), [(300, 5, 62), (301, 5, 63), (4, 5, 3), (60, 7, 10)])
def test_startup_seconds_size_the_probe_and_the_deadline(
    render: Callable[..., Any], startup_s: int, period_s: int, failures: int
) -> None:
    values = {"config": {"startupSeconds": startup_s}, "probes": {"startup": {"periodSeconds": period_s}}}

    manifests = render(values)

    assert container_of(manifests)["startupProbe"]["failureThreshold"] == failures
    assert container_of(manifests)["startupProbe"]["periodSeconds"] == period_s
    assert deployment_of(manifests)["progressDeadlineSeconds"] == startup_s + 120


def test_a_pod_takes_requests_when_the_model_is_ready_and_restarts_only_when_dead(render: Callable[..., Any]) -> None:
    container = container_of(render())

    assert container["startupProbe"]["httpGet"] == {"path": "/readyz", "port": "http"}
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "http"}
    assert container["livenessProbe"]["httpGet"] == {"path": "/livez", "port": "http"}
    assert container["ports"] == [{"name": "http", "containerPort": 8000, "protocol": "TCP"}]
    assert container["command"] == ["mda", "serve", "--host", "0.0.0.0", "--port", "8000"]


@pytest.mark.parametrize(
    ("values", "drain_s", "grace_s", "killed_s"),
    [
        ({}, "10", "45", 60),
        ({"preStopSeconds": 0}, "0", "55", 60),
        ({"preStopSeconds": 30, "terminationGracePeriodSeconds": 33}, "30", "1", 33),
    ],
)
def test_a_pod_that_stops_serves_on_and_ends_before_it_is_killed(
    render: Callable[..., Any], values: dict[str, Any], drain_s: str, grace_s: str, killed_s: int
) -> None:
    manifests = render(values)

    container = container_of(manifests)
    environment = {entry["name"]: entry["value"] for entry in container["env"]}
    assert (environment["DRAIN_SECONDS"], environment["GRACE_SECONDS"]) == (drain_s, grace_s)
    assert deployment_of(manifests)["template"]["spec"]["terminationGracePeriodSeconds"] == killed_s
    # A hook would hold SIGTERM back, and with it the end of readiness.
    assert "lifecycle" not in container


def test_zero_replicas_stop_the_model(render: Callable[..., Any]) -> None:
    deployment = deployment_of(render({"replicaCount": 0}))

    assert deployment["replicas"] == 0


def test_the_last_words_of_a_pod_are_kept(render: Callable[..., Any]) -> None:
    container = container_of(render())

    assert container["terminationMessagePath"] == "/dev/termination-log"
    assert container["terminationMessagePolicy"] == "File"


def test_a_gpu_pod_asks_for_its_gpus_and_tolerates_their_nodes(render: Callable[..., Any]) -> None:
    values = {"gpu": {"enabled": True, "count": 2, "runtimeClassName": "nvidia"}, "nodeSelector": {"zone": "a"}}

    manifests = render(values)

    pod = deployment_of(manifests)["template"]["spec"]
    resources = container_of(manifests)["resources"]
    assert resources["limits"]["nvidia.com/gpu"] == resources["requests"]["nvidia.com/gpu"] == 2
    assert resources["limits"]["memory"] == "1Gi"
    assert pod["nodeSelector"] == {"accelerator": "nvidia-gpu", "zone": "a"}
    assert pod["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
    assert pod["runtimeClassName"] == "nvidia"


def test_pods_spread_where_possible(render: Callable[..., Any]) -> None:
    deployment = deployment_of(render())

    constraints = deployment["template"]["spec"]["topologySpreadConstraints"]
    assert [constraint["topologyKey"] for constraint in constraints] == [
        "kubernetes.io/hostname",
        "topology.kubernetes.io/zone",
    ]
    assert all(constraint["whenUnsatisfiable"] == "ScheduleAnyway" for constraint in constraints)
    assert all(constraint["labelSelector"] == deployment["selector"] for constraint in constraints)
