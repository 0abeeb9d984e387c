"""Helm and the server agree on every `config` block: what one refuses, the other refuses."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from model_deployment_app import settings
from model_deployment_app.charts.schema import values_schema
from model_deployment_app.errors import InvalidConfig

GCS = {"method": "GCS", "projectName": "p", "bucketName": "my-models", "blobDir": "iris/v1"}
LOCAL = {"method": "LOCAL", "path": "/models/iris.joblib"}
BLOCK = {"modelType": "joblib", "job": "classification", "model": GCS}


def without(key: str) -> dict[str, Any]:
    return {name: value for name, value in BLOCK.items() if name != key}


NAMED = BLOCK | {"name": "a"}
SEVERAL = {"models": [NAMED, NAMED | {"name": "b", "modelType": "pkl", "version": "v2"}]}

GOOD: list[dict[str, Any]] = [
    BLOCK,
    SEVERAL,
    {"models": [NAMED], "startupSeconds": 600, "requirePassport": True},
    SEVERAL | {"repository": {"loadUnload": True}},
    BLOCK | {"repository": {}},
    BLOCK | {"modelType": "pkl", "job": "regression", "model": LOCAL},
    BLOCK | {"name": "a"},
    BLOCK | {"name": "A.b_c-" + "d" * 56 + "9"},
    BLOCK | {"version": "v1.2_3-x"},
    BLOCK | {"inputSize": 1},
    BLOCK | {"inputSize": 4.0},
    BLOCK | {"inputSize": 1e3},
    BLOCK | {"inputSize": 1000000},
    BLOCK | {"output": "label"},
    BLOCK | {"output": "probabilities"},
    BLOCK | {"example": [5.1, "x", None, [True]]},
    BLOCK | {"example": {"age": 3, "tags": ["a"]}},
    BLOCK | {"example": "some text"},
    BLOCK | {"startupSeconds": 1},
    BLOCK | {"docs": False, "logLevel": "debug", "logFormat": "json", "accessLog": False},
    BLOCK | {"grpc": True},
    BLOCK | {"model": GCS | {"sha256": "0" * 64}},
    BLOCK | {"model": LOCAL | {"sha256": "f" * 64}},
    BLOCK | {"model": GCS | {"generation": 1}},
    BLOCK | {"model": GCS | {"generation": 1700000000123457}},
    BLOCK | {"model": GCS | {"generation": 2**53 - 1}},
    BLOCK | {"model": GCS | {"generation": "1700000000123457"}},
    BLOCK | {"model": GCS | {"generation": "1700000000123456789"}},
    BLOCK | {"model": GCS | {"bucketName": "a.b_c-9", "blobDir": "größe/ä ö"}},
    BLOCK | {"model": LOCAL | {"path": "relative"}},
    BLOCK | {"model": LOCAL | {"pickle": "trusted", "trustedTypes": []}},
    BLOCK | {"model": GCS | {"pickle": "restricted", "trustedTypes": ["their_package.Model", "a.b._C9"]}},
    BLOCK | {"batching": {}, "limits": {}},
    BLOCK | {"batching": {"maxRows": 1, "maxWaitMs": 0.5}},
    BLOCK
    | {"limits": {"maxBodyBytes": 1, "queueRows": 1, "queueBytes": 2**33, "requestTimeoutMs": 1, "hangSeconds": 1}},
]
BAD: list[dict[str, Any]] = [
    {},
    {"models": []},
    {"models": NAMED},
    {"models": {"a": BLOCK}},
    {"models": [BLOCK]},
    {"models": [NAMED, {}]},
    {"models": [NAMED | {"docs": False}]},
    {"models": [NAMED | {"job": "regression", "output": "label"}]},
    BLOCK | SEVERAL,
    SEVERAL | {"model": GCS},
    SEVERAL | {"name": "a"},
    SEVERAL | {"device": "cpu"},
    SEVERAL | {"jobs": "classification"},
    BLOCK | {"repository": {"loadUnload": "yes"}},
    BLOCK | {"repository": {"unload": True}},
    without("modelType"),
    without("job"),
    without("model"),
    BLOCK | {"modelType": "onnx"},
    BLOCK | {"modelType": "Joblib"},
    BLOCK | {"job": "clustering"},
    BLOCK | {"jobs": "classification"},
    BLOCK | {"model": {}},
    BLOCK | {"model": "gs://my-models/iris"},
    BLOCK | {"model": GCS | {"method": "S3"}},
    BLOCK | {"model": GCS | {"method": "gcs"}},
    BLOCK | {"model": {name: value for name, value in GCS.items() if name != "method"}},
    BLOCK | {"model": {name: value for name, value in GCS.items() if name != "bucketName"}},
    BLOCK | {"model": GCS | {"path": "/models"}},
    BLOCK | {"model": GCS | {"blobDir": ""}},
    BLOCK | {"model": GCS | {"projectName": 12345}},
    BLOCK | {"model": GCS | {"bucketName": "My-Models"}},
    BLOCK | {"model": GCS | {"bucketName": "b" * 223}},
    BLOCK | {"model": GCS | {"sha256": "F" * 64}},
    BLOCK | {"model": GCS | {"generation": 0}},
    BLOCK | {"model": GCS | {"generation": 1.5}},
    BLOCK | {"model": GCS | {"generation": True}},
    # Not exact in Helm: it would pin another generation.
    BLOCK | {"model": GCS | {"generation": 2**53}},
    BLOCK | {"model": GCS | {"generation": 1700000000123456789}},
    BLOCK | {"model": GCS | {"generation": ""}},
    BLOCK | {"model": GCS | {"generation": "0"}},
    BLOCK | {"model": GCS | {"generation": "newest"}},
    BLOCK | {"model": GCS | {"generation": "1" * 20}},
    BLOCK | {"model": LOCAL | {"generation": 1}},
    BLOCK | {"model": LOCAL | {"path": ""}},
    BLOCK | {"model": LOCAL | {"blobDir": "x"}},
    BLOCK | {"model": LOCAL | {"pickle": "safe"}},
    BLOCK | {"model": GCS | {"trustedTypes": "their_package.Model"}},
    BLOCK | {"model": GCS | {"trustedTypes": ["Model"]}},
    BLOCK | {"model": GCS | {"trustedTypes": ["their_package.*"]}},
    BLOCK | {"model": GCS | {"trustedTypes": [1]}},
    BLOCK | {"name": ""},
    BLOCK | {"name": "-iris"},
    BLOCK | {"name": "a" * 64},
    BLOCK | {"name": True},
    BLOCK | {"version": ""},
    BLOCK | {"version": 1.2},
    BLOCK | {"inputSize": 0},
    BLOCK | {"inputSize": 1.5},
    BLOCK | {"inputSize": "4"},
    BLOCK | {"inputSize": True},
    BLOCK | {"output": "proba"},
    BLOCK | {"job": "regression", "output": "label"},
    BLOCK | {"example": 5},
    BLOCK | {"example": True},
    BLOCK | {"startupSeconds": 0},
    BLOCK | {"startupSeconds": "5m"},
    BLOCK | {"batching": {"maxRows": 0}},
    BLOCK | {"batching": {"maxRows": 1.5}},
    BLOCK | {"batching": {"maxWaitMs": -1}},
    BLOCK | {"batching": {"size": 4}},
    BLOCK | {"batching": True},
    BLOCK | {"limits": {"maxBodyBytes": 2**31}},
    BLOCK | {"limits": {"queueRows": 0}},
    BLOCK | {"limits": {"queueBytes": "1Gi"}},
    BLOCK | {"limits": {"requestTimeoutMs": 0}},
    BLOCK | {"limits": {"hangSeconds": 0}},
    BLOCK | {"limits": {"memory": "1Gi"}},
    BLOCK | {"docs": "yes"},
    BLOCK | {"docs": 1},
    BLOCK | {"logLevel": "INFO"},
]
EVERY = [(block, True) for block in GOOD] + [(block, False) for block in BAD]


def is_taken_by_the_server(values: Path) -> bool:
    try:
        settings.read(values)
    except InvalidConfig:
        return False
    return True


def is_taken_by_helm(helm: str, chart: Path) -> bool:
    result = subprocess.run([helm, "template", chart], capture_output=True, text=True, check=False)
    # Anything else that could go wrong with the chart is not an opinion on the values.
    assert result.returncode == 0 or "values don't meet the specifications of the schema" in result.stderr
    return result.returncode == 0


@pytest.mark.parametrize(("config", "is_good"), EVERY, ids=[json.dumps(config)[:80] for config, _ in EVERY])
def test_server_schema_and_helm_agree(helm: str, tmp_path: Path, config: dict[str, Any], is_good: bool) -> None:
    values = {"image": {"repository": "app"}, "config": config}
    (tmp_path / "Chart.yaml").write_text("{apiVersion: v2, name: chart, version: 0.1.0}")
    (tmp_path / "values.schema.json").write_text(json.dumps(values_schema()))
    (tmp_path / "values.yaml").write_text(json.dumps(values))

    verdicts = {
        "server": is_taken_by_the_server(tmp_path / "values.yaml"),
        "schema": Draft7Validator(values_schema()).is_valid(values),
        "helm": is_taken_by_helm(helm, tmp_path),
    }

    assert verdicts == dict.fromkeys(verdicts, is_good)
