"""Clients that others wrote, each in a process of its own, against a real server: `make test` sets them up."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from e2e.estimators import Trained, train
from e2e.grpc_servers import GrpcServer, serving

PYTHON = Path(__file__).parents[2] / ".venv-clients/bin/python"
CLIENTS = Path(__file__).parent / "clients"

Ask = Callable[[str, str], dict[str, Any]]


@pytest.fixture(scope="module")
def iris() -> Trained:
    return train()["iris"]


@pytest.fixture(scope="module")
def server(iris: Trained, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GrpcServer]:
    with serving(iris, tmp_path_factory.mktemp("iris")) as started:
        started.http.until(started.http.is_ready)
        yield started


@pytest.fixture(scope="module")
def ask(iris: Trained) -> Ask:
    """Have a client ask at an address for the rows of iris; what it was told."""
    assert PYTHON.exists(), "the clients are not installed: make .venv-clients/.installed"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    def run(client: str, address: str) -> dict[str, Any]:
        command = [PYTHON, "-W", "ignore", CLIENTS / f"{client}.py", address, "iris"]
        rows = json.dumps(iris.rows.tolist())
        result = subprocess.run(command, input=rows, capture_output=True, text=True, env=environment, timeout=120)
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)

    return run


def assert_answers(told: dict[str, Any], iris: Trained) -> None:
    """Every answer holds what the estimator says in process, to the last bit, of rows of that precision."""
    assert told["answers"]
    for form, answer in told["answers"].items():
        rows = iris.rows.astype(np.float32) if form.startswith("FP32") else iris.rows
        exact = rows.astype(np.float64)
        assert answer["probabilities"] == iris.estimator.predict_proba(exact).tolist(), form
        assert answer["labels"] == iris.estimator.predict(exact).tolist(), form


def test_triton_over_grpc(server: GrpcServer, ask: Ask, iris: Trained) -> None:
    told = ask("triton_grpc", f"127.0.0.1:{server.port}")

    assert (told["live"], told["ready"], told["model ready"]) == (True, True, True)
    assert told["server"] == "model-deployment-app"
    assert told["model"]["inputs"] == [{"name": "input-0", "datatype": "FP64", "shape": ["-1", "4"]}]
    assert len(told["answers"]) == 4
    assert_answers(told, iris)
    assert "NOT_FOUND" in told["refusal"]


def test_kserve_over_grpc(server: GrpcServer, ask: Ask, iris: Trained) -> None:
    told = ask("kserve_grpc", f"127.0.0.1:{server.port}")

    assert (told["live"], told["ready"], told["model ready"]) == (True, True, True)
    assert len(told["answers"]) == 2
    assert_answers(told, iris)


def test_triton_over_http(server: GrpcServer, ask: Ask, iris: Trained) -> None:
    told = ask("triton_http", f"127.0.0.1:{server.http.port}")

    assert (told["live"], told["ready"], told["model ready"]) == (True, True, True)
    assert "binary_tensor_data" in told["server"]
    [tensor] = told["model"]["inputs"]
    assert (tensor["datatype"], tensor["shape"]) == ("FP64", [-1, 4])
    assert len(told["answers"]) == 8
    assert_answers(told, iris)


def test_kserve_over_http(server: GrpcServer, ask: Ask, iris: Trained) -> None:
    told = ask("kserve_rest", server.http.url)

    assert (told["live"], told["ready"], told["model ready"]) == (True, True, [True, True])
    assert told["v1"]["predictions"] == iris.estimator.predict_proba(iris.rows).tolist()
    assert len(told["answers"]) == 2
    assert_answers(told, iris)
