"""Names and labels: what selects what, and what may change without replacing pods."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def newer_chart(chart: Path, tmp_path: Path) -> Path:
    """The same chart, one chart version and one app version later."""
    newer = shutil.copytree(chart, tmp_path / "iris")
    file = newer / "Chart.yaml"
    text = file.read_text()
    file.write_text(
        text.replace("\nversion: 0.1.0", "\nversion: 0.2.0").replace("\nappVersion: ", '\nappVersion: "9.9.9" #')
    )
    return newer


def template_of(manifests: dict[str, Any]) -> dict[str, Any]:
    return manifests["Deployment"]["spec"]["template"]


def test_selectors_survive_a_new_chart_and_app_version(render: Callable[..., Any], newer_chart: Path) -> None:
    before, after = render(), render(of=newer_chart)

    assert before["Deployment"]["metadata"]["labels"] != after["Deployment"]["metadata"]["labels"]
    assert before["Deployment"]["spec"]["selector"] == after["Deployment"]["spec"]["selector"]
    assert before["Service"]["spec"]["selector"] == after["Service"]["spec"]["selector"]


def test_a_new_chart_version_alone_replaces_no_pod(render: Callable[..., Any], newer_chart: Path) -> None:
    pinned = {"image": {"tag": "0.1.0"}}

    before, after = render(pinned), render(pinned, of=newer_chart)

    assert before["Deployment"]["metadata"]["labels"]["helm.sh/chart"] == "iris-0.1.0"
    assert after["Deployment"]["metadata"]["labels"]["helm.sh/chart"] == "iris-0.2.0"
    assert template_of(before) == template_of(after)


def test_a_new_app_version_is_the_image_that_runs(render: Callable[..., Any], newer_chart: Path) -> None:
    manifests = render(of=newer_chart)

    assert template_of(manifests)["spec"]["containers"][0]["image"].endswith(":9.9.9")
    assert manifests["Pod"]["spec"]["containers"][0]["image"].endswith(":9.9.9")


@pytest.mark.parametrize(
    ("image", "tag"),
    [
        ({"variant": "sklearn"}, "9.9.9"),
        ({"variant": "cpu"}, "9.9.9-cpu"),
        ({"variant": "cuda"}, "9.9.9-cuda"),
        ({"variant": "cuda", "tag": "1.2.3"}, "1.2.3"),
    ],
)
def test_a_variant_of_the_image_moves_with_the_app_version(
    render: Callable[..., Any], newer_chart: Path, image: dict[str, str], tag: str
) -> None:
    pod = template_of(render({"image": image}, of=newer_chart))

    assert pod["spec"]["containers"][0]["image"].endswith(f":{tag}")
    assert pod["metadata"]["labels"]["app.kubernetes.io/version"] == tag


def test_a_changed_config_replaces_the_pods(render: Callable[..., Any]) -> None:
    before, after = render(), render({"config": {"inputSize": 5}})

    checksums = [template_of(manifests)["metadata"]["annotations"]["checksum/config"] for manifests in (before, after)]
    assert checksums[0] != checksums[1]


def test_the_service_reaches_the_model_and_not_the_test_pod(render: Callable[..., Any]) -> None:
    manifests = render()

    selector = manifests["Service"]["spec"]["selector"].items()
    assert selector <= template_of(manifests)["metadata"]["labels"].items()
    assert not selector <= manifests["Pod"]["metadata"]["labels"].items()
    assert manifests["Service"]["spec"]["ports"][0]["targetPort"] == "http"


def test_pods_are_found_by_the_label_of_the_runbook(render: Callable[..., Any]) -> None:
    metadata = template_of(render({"podLabels": {"team": "fraud"}}))["metadata"]

    assert metadata["labels"]["app"] == "model-serving"
    assert metadata["labels"]["team"] == "fraud"
    assert metadata["annotations"]["kubectl.kubernetes.io/default-container"] == "model"


@pytest.mark.parametrize(
    ("release", "values", "name"),
    [
        ("iris", {}, "iris"),
        ("iris-test", {}, "iris-test"),
        ("blue", {}, "blue-iris"),
        ("blue", {"nameOverride": "flowers"}, "blue-flowers"),
        ("blue", {"fullnameOverride": "flowers"}, "flowers"),
        ("r" * 53, {}, "r" * 52),
    ],
)
def test_every_object_is_named_after_release_and_model(
    render: Callable[..., Any], release: str, values: dict[str, Any], name: str
) -> None:
    manifests = render(values, release=release)

    assert manifests["Deployment"]["metadata"]["name"] == name
    assert manifests["Service"]["metadata"]["name"] == name
    assert manifests["ConfigMap"]["metadata"]["name"] == f"{name}-config"
    assert manifests["Pod"]["metadata"]["name"] == f"{name}-smoke"


def test_the_smoke_pod_asks_the_service_with_the_models_config(render: Callable[..., Any]) -> None:
    manifests = render({"service": {"port": 8080}}, release="blue")

    pod = manifests["Pod"]
    container = pod["spec"]["containers"][0]
    expected = ["mda", "smoke", "--url", "http://blue-iris:8080", "--config", "/etc/model/config.json"]
    assert container["command"] == expected
    assert container["image"] == template_of(manifests)["spec"]["containers"][0]["image"]
    assert pod["metadata"]["annotations"]["helm.sh/hook"] == "test"
    assert pod["spec"]["restartPolicy"] == "Never"
    assert {"name": "config", "configMap": {"name": "blue-iris-config"}} in pod["spec"]["volumes"]
