"""What `helm install` prints: commands that work when they are pasted."""

import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml


@pytest.fixture
def notes(make_chart: Callable[..., Path], template: Callable[..., Any]) -> Callable[..., str]:
    """`helm template` leaves NOTES.txt out, so a copy of the chart shows it as an object."""

    def run(values: dict[str, Any] | None = None, **answers: str) -> str:
        chart = make_chart(**answers)
        shutil.copy(chart / "templates" / "NOTES.txt", chart / "notes.txt")
        (chart / "templates" / "shown.yaml").write_text('notes: {{ tpl (.Files.Get "notes.txt") . | toJson }}')
        documents = yaml.safe_load_all(template(values, of=chart, release="blue").stdout)
        return next(document["notes"] for document in documents if "notes" in document)

    return run


def test_the_notes_show_how_to_reach_the_model(notes: Callable[..., str]) -> None:
    text = notes({"service": {"port": 8080}})

    assert "http://blue-iris.default.svc:8080" in text
    assert "port-forward service/blue-iris 8000:8080" in text
    assert "logs deployment/blue-iris" in text
    assert "helm test blue --namespace default" in text


def test_the_notes_ask_for_a_prediction_with_the_example(notes: Callable[..., str]) -> None:
    text = notes(example='[5.1, 1000000, "it\'s"]')

    curl = next(shlex.split(line) for line in text.splitlines() if line.strip().startswith("curl"))
    assert curl[1] == "http://127.0.0.1:8000/v1/models/iris:predict"
    assert curl[-1] == '{"instances":[[5.1,1000000,"it\'s"]]}'


def test_the_notes_send_a_key_where_one_is_asked_for(notes: Callable[..., str]) -> None:
    text = notes({"auth": {"existingSecret": "api-keys"}}, example="[1, 2]")

    key, curl = text.partition("  KEY=")[2].splitlines()[:2]
    assert key == (
        "$(kubectl --namespace default get secret api-keys --output jsonpath='{.data.key1}' | base64 --decode)"
    )
    assert '--header "Authorization: Bearer $KEY"' in curl
    assert shlex.split(curl)[-1] == '{"instances":[[1,2]]}'


def test_the_notes_ask_the_first_of_several_models(notes: Callable[..., str]) -> None:
    own = dict.fromkeys(["name", "modelType", "job", "model", "inputSize"])
    every = {"modelType": "joblib", "job": "regression", "model": {"method": "LOCAL", "path": "/models/m"}}

    text = notes({"config": {**own, "models": [every | {"name": "a", "example": [1]}, every | {"name": "b"}]}})

    assert "a, b are served by " in text
    assert "8000/v1/models/a:predict" in text
    assert '{"instances":[[1]]}' in text


@pytest.mark.parametrize(
    ("tls", "url"),
    [([], "http://models.example.com/iris"), ([{"secretName": "tls-secret"}], "https://models.example.com/iris")],
)
def test_the_notes_show_the_ingress(notes: Callable[..., str], tls: list[Any], url: str) -> None:
    text = notes({"ingress": {"enabled": True, "tls": tls}, "auth": {"allowAnonymous": True}})

    assert f" {url}\n" in text


def test_the_notes_show_the_node_port(notes: Callable[..., str]) -> None:
    text = notes({"service": {"type": "NodePort", "nodePort": 30080}})

    assert "http://<address of a node>:30080" in text
