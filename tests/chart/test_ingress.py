"""The ways in: Ingress and Service."""

from collections.abc import Callable
from typing import Any

import pytest

AUTH = {"existingSecret": "api-keys"}


def test_an_ingress_leads_its_paths_to_the_service(render: Callable[..., Any]) -> None:
    tls = [{"secretName": "tls-secret", "hosts": ["models.example.com"]}]

    manifests = render({"ingress": {"enabled": True, "className": "nginx", "tls": tls}, "auth": AUTH})

    ingress = manifests["Ingress"]["spec"]
    backend = {"service": {"name": manifests["Service"]["metadata"]["name"], "port": {"name": "http"}}}
    assert ingress == {
        "ingressClassName": "nginx",
        "tls": tls,
        "rules": [
            {
                "host": "models.example.com",
                "http": {"paths": [{"path": "/iris", "pathType": "Prefix", "backend": backend}]},
            }
        ],
    }
    assert manifests["Service"]["spec"]["ports"][0]["name"] == "http"


def test_a_host_may_be_left_out(render: Callable[..., Any]) -> None:
    hosts = [{"paths": [{"path": "/a"}, {"path": "/b", "pathType": "Exact"}]}]

    rules = render({"ingress": {"enabled": True, "hosts": hosts}, "auth": AUTH})["Ingress"]["spec"]["rules"]

    assert [(path["path"], path["pathType"]) for path in rules[0]["http"]["paths"]] == [
        ("/a", "Prefix"),
        ("/b", "Exact"),
    ]
    assert "host" not in rules[0]


def root_path(manifests: Any) -> str | None:
    [container] = manifests["Deployment"]["spec"]["template"]["spec"]["containers"]
    return {each["name"]: each["value"] for each in container["env"]}.get("ROOT_PATH")


def test_the_server_is_told_the_path_of_its_ingress(render: Callable[..., Any]) -> None:
    hosts = [{"paths": [{"path": "/team/iris/"}, {"path": "/other"}]}]

    assert root_path(render({"ingress": {"enabled": True, "hosts": hosts}, "auth": AUTH})) == "/team/iris"


@pytest.mark.parametrize(
    ("pattern", "literal"),
    [
        ("/iris", "/iris"),
        ("/iris(/|$)(.*)", "/iris"),
        ("/iris(?:/|$)(.*)", "/iris"),
        ("/iris/?(.*)", "/iris"),
        ("/iris/(.*)", "/iris"),
        ("/iris/*", "/iris"),
        ("/team/iris(/|$)(.*)", "/team/iris"),
        ("/team/iris-v[0-9]+(/|$)(.*)", "/team"),
        ("/team/iris_v1.2(/|$)(.*)", "/team/iris_v1.2"),
        (r"/team/v1\.2(/|$)(.*)", "/team/v1.2"),
    ],
)
def test_the_server_is_told_the_literal_start_of_a_pattern(
    render: Callable[..., Any], pattern: str, literal: str
) -> None:
    hosts = [{"paths": [{"path": pattern, "pathType": "ImplementationSpecific"}]}]

    assert root_path(render({"ingress": {"enabled": True, "hosts": hosts}, "auth": AUTH})) == literal


@pytest.mark.parametrize(
    "ingress",
    [
        {"enabled": False},
        {"enabled": True, "hosts": [{"paths": [{"path": "/"}]}]},
        {"enabled": True, "hosts": [{"paths": [{"path": "/(.*)", "pathType": "ImplementationSpecific"}]}]},
        {"enabled": True, "hosts": [{"paths": [{"path": "/iris.*", "pathType": "ImplementationSpecific"}]}]},
    ],
)
def test_a_server_without_a_path_of_its_own_is_told_none(render: Callable[..., Any], ingress: dict[str, Any]) -> None:
    assert root_path(render({"ingress": ingress, "auth": AUTH})) is None


def test_an_image_may_be_pinned_by_its_digest(render: Callable[..., Any]) -> None:
    digest = "sha256:" + "0" * 64

    [container] = render({"image": {"tag": "1.2.3", "digest": digest}})["Deployment"]["spec"]["template"]["spec"][
        "containers"
    ]

    assert container["image"] == f"gcr.io/my-project/model-deployment-app@{digest}"


def test_a_node_port_is_the_one_that_was_chosen(render: Callable[..., Any]) -> None:
    service = render({"service": {"type": "NodePort", "port": 8080, "nodePort": 30080}})["Service"]["spec"]

    port = {"name": "http", "port": 8080, "targetPort": "http", "protocol": "TCP", "nodePort": 30080}
    assert service["type"] == "NodePort"
    assert service["ports"] == [port]
