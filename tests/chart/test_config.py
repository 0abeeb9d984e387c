"""The `config` section on its way from values.yaml through the ConfigMap to the server."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from model_deployment_app import settings


@pytest.mark.parametrize(
    "answers",
    [
        {},
        {"generation": "1700000000123457", "sha256": "b" * 64},
        {"generation": "1700000000123456789"},
        {"method": "LOCAL", "model_path": "/models/größe 'x'.joblib", "job": "regression", "sha256": "a" * 64},
        {"example": '{"sepal": 1e-05, "name": "it\'s \\"ok\\"", "big": 1000000}', "input_size": "1000000"},
        {"example": '["yes", "1e3", "null", 0.1, 12345678]', "input_size": "", "model_type": "pkl"},
    ],
    ids=["gcs", "generation", "long generation", "local", "numbers", "words"],
)
def test_a_pod_reads_the_settings_that_a_laptop_reads(
    render: Callable[..., Any], make_chart: Callable[..., Path], tmp_path: Path, answers: dict[str, str]
) -> None:
    chart = make_chart(**answers)
    mounted = tmp_path / "config.json"

    mounted.write_text(render(of=chart)["ConfigMap"]["data"]["config.json"])

    assert settings.read(mounted) == settings.read(chart / "values.yaml")


def test_the_server_is_pointed_at_the_mounted_config(render: Callable[..., Any]) -> None:
    manifests = render()

    pod = manifests["Deployment"]["spec"]["template"]["spec"]
    container = pod["containers"][0]
    environment = {variable["name"]: variable["value"] for variable in container["env"]}
    assert environment["MODEL_CONFIG_FILE"] == "/etc/model/config.json"
    assert {"name": "config", "mountPath": "/etc/model", "readOnly": True} in container["volumeMounts"]
    assert {"name": "config", "configMap": {"name": manifests["ConfigMap"]["metadata"]["name"]}} in pod["volumes"]
    assert list(manifests["ConfigMap"]["data"]) == ["config.json"]


def test_without_a_name_the_model_is_called_like_its_chart(render: Callable[..., Any], tmp_path: Path) -> None:
    mounted = tmp_path / "config.json"

    mounted.write_text(render({"config": {"name": None}})["ConfigMap"]["data"]["config.json"])

    assert settings.read(mounted).name == "iris"


def test_a_pod_of_several_models_reads_them_all(render: Callable[..., Any], tmp_path: Path) -> None:
    own = dict.fromkeys(["name", "modelType", "job", "model", "inputSize"])
    every = {"modelType": "joblib", "job": "regression", "model": {"method": "LOCAL", "path": "/models/m"}}
    mounted = tmp_path / "config.json"

    values = {"config": {**own, "models": [every | {"name": "a"}, every | {"name": "b"}]}}
    mounted.write_text(render(values)["ConfigMap"]["data"]["config.json"])

    assert [model.name for model in settings.read(mounted).served] == ["a", "b"]


def test_a_volume_is_mounted_read_only_where_the_values_say(render: Callable[..., Any]) -> None:
    nfs = {"server": "10.0.0.2", "path": "/export"}

    pod = render({"modelVolume": {"source": {"nfs": nfs}, "mountPath": "/mnt/nfs"}})["Deployment"]["spec"]["template"][
        "spec"
    ]

    assert {"name": "model-volume", "nfs": nfs} in pod["volumes"]
    mount = {"name": "model-volume", "mountPath": "/mnt/nfs", "readOnly": True}
    assert mount in pod["containers"][0]["volumeMounts"]


def test_a_claim_is_mounted_read_only(render: Callable[..., Any]) -> None:
    pod = render({"modelVolume": {"existingClaim": "models"}})["Deployment"]["spec"]["template"]["spec"]

    assert {"name": "model-volume", "persistentVolumeClaim": {"claimName": "models"}} in pod["volumes"]
    mount = {"name": "model-volume", "mountPath": "/models", "readOnly": True}
    assert mount in pod["containers"][0]["volumeMounts"]
