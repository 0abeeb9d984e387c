"""gRPC in a pod: a second port, where the config asks for it."""

from collections.abc import Callable
from typing import Any


def test_grpc_is_a_second_port_of_the_pod_and_of_its_service(render: Callable[..., Any]) -> None:
    manifests = render({"config": {"grpc": True}})

    container = manifests["Deployment"]["spec"]["template"]["spec"]["containers"][0]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    [http, grpc] = manifests["Service"]["spec"]["ports"]
    assert list(ports.items()) == [("http", 8000), ("grpc", 8001)]
    assert container["command"][-2:] == ["--grpc-port", "8001"]
    assert http["name"] == "http"
    assert (grpc["name"], grpc["port"], grpc["targetPort"]) == ("grpc", 8001, "grpc")


def test_without_grpc_there_is_one_port(render: Callable[..., Any]) -> None:
    manifests = render({"config": {"grpc": False}})

    [container] = manifests["Deployment"]["spec"]["template"]["spec"]["containers"]
    assert [port["name"] for port in container["ports"]] == ["http"]
    assert [port["name"] for port in manifests["Service"]["spec"]["ports"]] == ["http"]
    assert "--grpc-port" not in container["command"]
