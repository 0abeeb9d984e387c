"""API keys: a Secret on its way into the server and into `helm test`, and what an Ingress asks for."""

from collections.abc import Callable
from typing import Any

import pytest

SECRET = {"auth": {"existingSecret": "api-keys"}}


def pods(manifests: Any) -> list[dict[str, Any]]:
    return [manifests["Deployment"]["spec"]["template"]["spec"], manifests["Pod"]["spec"]]


def test_the_server_and_its_test_read_the_keys_of_a_mounted_secret(render: Callable[..., Any]) -> None:
    for pod in pods(render(SECRET)):
        [container] = pod["containers"]
        [volume] = [volume for volume in pod["volumes"] if volume["name"] == "api-keys"]
        [mount] = [mount for mount in container["volumeMounts"] if mount["name"] == "api-keys"]

        assert volume["secret"] == {"secretName": "api-keys", "defaultMode": 0o440}
        # With a subPath, the kubelet would never bring a changed Secret.
        assert mount == {"name": "api-keys", "mountPath": "/etc/api-keys", "readOnly": True}
        assert {"name": "API_KEYS_DIR", "value": "/etc/api-keys"} in container["env"]


def test_without_a_secret_nothing_of_it_is_rendered(template: Callable[..., Any]) -> None:
    assert "api-keys" not in template().stdout
    assert "API_KEYS" not in template().stdout


def test_keys_of_the_environment_reach_the_test_too(render: Callable[..., Any]) -> None:
    source = {"secretKeyRef": {"name": "vault", "key": "keys"}}
    other = {"name": "OTHER", "value": "x"}

    [server, smoke] = pods(render({"extraEnv": [other, {"name": "API_KEYS", "valueFrom": source}]}))

    variable = {"name": "API_KEYS", "valueFrom": source}
    assert variable in server["containers"][0]["env"]
    assert variable in smoke["containers"][0]["env"]
    assert other not in smoke["containers"][0]["env"]


@pytest.mark.parametrize(
    "values",
    [
        SECRET,
        {"auth": {"allowAnonymous": True}},
        {"extraEnv": [{"name": "API_KEYS", "value": "x"}]},
    ],
)
def test_an_ingress_is_rendered_where_keys_are_asked_for_or_none_are_meant(
    render: Callable[..., Any], values: dict[str, Any]
) -> None:
    assert "Ingress" in render({"ingress": {"enabled": True}} | values)
