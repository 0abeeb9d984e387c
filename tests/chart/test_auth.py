"""API keys: from a Secret to both pods, and never an ingress without them by accident."""

from collections.abc import Callable
from typing import Any

import pytest

SECRET = {"auth": {"existingSecret": "api-keys"}}
INGRESS = {"ingress": {"enabled": True}}


def pod_of(manifest: dict[str, Any]) -> dict[str, Any]:
    return manifest["spec"]["template"]["spec"] if manifest["kind"] == "Deployment" else manifest["spec"]


@pytest.mark.parametrize("kind", ["Deployment", "Pod"])
def test_both_pods_read_the_keys_of_the_secret(render: Callable[..., Any], kind: str) -> None:
    pod = pod_of(render(SECRET)[kind])

    [container] = pod["containers"]
    environment = {each["name"]: each["value"] for each in container["env"]}
    [mount] = [each for each in container["volumeMounts"] if each["mountPath"] == environment["API_KEYS_DIR"]]
    [volume] = [each for each in pod["volumes"] if each["name"] == mount["name"]]
    # Whole and read-only: a subPath would never change; 0440 is readable by fsGroup.
    assert mount == {"name": "api-keys", "mountPath": "/etc/api-keys", "readOnly": True}
    assert volume["secret"] == {"secretName": "api-keys", "defaultMode": 0o440, "optional": False}
    assert pod["securityContext"]["fsGroup"] == pod["securityContext"]["runAsUser"]


@pytest.mark.parametrize("kind", ["Deployment", "Pod"])
def test_without_a_secret_no_pod_looks_for_keys(render: Callable[..., Any], kind: str) -> None:
    pod = pod_of(render()[kind])

    assert "API_KEYS_DIR" not in {each["name"] for each in pod["containers"][0]["env"]}
    assert "api-keys" not in {each["name"] for each in pod["volumes"]}


def test_keys_of_the_environment_reach_the_pod_of_helm_test_too(render: Callable[..., Any]) -> None:
    source = {"secretKeyRef": {"name": "api-keys", "key": "all"}}
    keys = {"name": "API_KEYS", "valueFrom": source}

    pod = render({"extraEnv": [{"name": "HTTPS_PROXY", "value": "x"}, keys]})["Pod"]["spec"]

    assert pod["containers"][0]["env"] == [{"name": "HOME", "value": "/tmp"}, keys]


def test_an_ingress_without_keys_is_refused_with_what_to_do(refusal: Callable[..., str]) -> None:
    message = refusal(INGRESS)

    assert "set auth.existingSecret to a Secret of API keys, or auth.allowAnonymous: true" in message


@pytest.mark.parametrize(
    "values",
    [
        SECRET,
        {"auth": {"allowAnonymous": True}},
        {"extraEnv": [{"name": "API_KEYS", "value": "x"}]},
        {"extraEnv": [{"name": "HTTPS_PROXY", "value": "x"}, {"name": "API_KEYS_DIR", "value": "/mnt/keys"}]},
    ],
)
def test_an_ingress_with_keys_or_on_purpose_without_is_rendered(
    render: Callable[..., Any], values: dict[str, Any]
) -> None:
    assert "Ingress" in render(INGRESS | values)


@pytest.mark.parametrize("auth", [{}, {"existingSecret": ""}, None])
def test_an_ingress_is_not_opened_by_an_empty_section(refusal: Callable[..., str], auth: Any) -> None:
    assert "ingress.enabled: everybody could predict" in refusal(INGRESS | {"auth": auth})


def test_keys_and_their_absence_exclude_each_other(refusal: Callable[..., str]) -> None:
    message = refusal({"auth": {"existingSecret": "api-keys", "allowAnonymous": True}})

    assert "auth.allowAnonymous: nobody is let in without a key while there are keys" in message


@pytest.mark.parametrize("auth", [{"existingSecret": "API_KEYS"}, {"allowAnonymous": "yes"}, {"secret": "api-keys"}])
def test_a_misspelt_section_is_refused(refusal: Callable[..., str], auth: dict[str, Any]) -> None:
    assert "values don't meet the specifications of the schema" in refusal({"auth": auth})
