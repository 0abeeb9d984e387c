"""The hook of chart_template: which answers make a chart, and how plain cookiecutter says which do not."""

import os
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

TEMPLATE = Path(__file__).parents[2] / "chart_template"

GOOD = {
    "model_name": "iris",
    "description": "",
    "job": "classification",
    "model_type": "joblib",
    "method": "GCS",
    "project_name": "my-project",
    "bucket_name": "my-models",
    "blob_dir": "iris/model.joblib",
    "model_path": "/models/iris.joblib",
    "model_claim": "",
    "model_volume": "",
    "generation": "",
    "sha256": "",
    "input_size": "4",
    "example": "",
    "image_repository": "gcr.io/my-project/model-deployment-app",
    "image_variant": "sklearn",
    "app_version": "0.1.0",
    "replicas": "1",
    "service_type": "ClusterIP",
    "service_port": "80",
    "node_port": "",
    "ingress_host": "models.example.com",
    "ingress_path": "/iris",
    "gpu": "no",
    "gpu_count": "1",
}
LOCAL = {"method": "LOCAL"}
NODE_PORT = {"service_type": "NodePort"}


@pytest.fixture(scope="module")
def faults() -> Callable[[dict[str, str]], list[str]]:
    return runpy.run_path(str(TEMPLATE / "hooks" / "pre_gen_project.py"))["faults"]


@pytest.fixture
def cookiecutter(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Plain cookiecutter in an empty home, into the folder charts."""

    def run(**answers: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "cookiecutter", TEMPLATE, "--no-input", "--output-dir", tmp_path / "charts"]
        return subprocess.run(
            [*command, *(f"{name}={answer}" for name, answer in answers.items())],
            env=os.environ | {"HOME": str(tmp_path / "home")},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.mark.parametrize(
    "answers",
    [
        {},
        {"model_name": "a" * 52},
        {"description": 'it\'s "quoted" \\ {{ braces }} and\nlines'},
        {"blob_dir": "a folder/"},
        LOCAL | {"model_path": "/mnt/my models/iris.joblib", "bucket_name": "", "blob_dir": "", "project_name": ""},
        LOCAL | {"model_claim": "models-2024.prod"},
        LOCAL | {"model_volume": '{"nfs": {"server": "10.0.0.2", "path": "/export"}}'},
        {"generation": "1700000000123456"},
        LOCAL | {"generation": "not asked"},
        {"sha256": "0123456789abcdef" * 4},
        {"input_size": ""},
        {"example": "[5.1, 3.5]"},
        {"example": '{"age": 3}'},
        {"example": '"some text"'},
        {"image_repository": "localhost:5000/team/model-deployment-app"},
        {"image_repository": "model_app"},
        {"service_port": "65535"},
        NODE_PORT | {"node_port": "30000"},
        {"service_type": "LoadBalancer", "node_port": "32767"},
        {"ingress_host": "*.example.com"},
        {"ingress_path": "/"},
        {"ingress_path": "/team/iris_v1.2~x"},
    ],
)
def test_a_good_answer_is_taken(faults: Callable[[dict[str, str]], list[str]], answers: dict[str, str]) -> None:
    assert faults(GOOD | answers) == []


@pytest.mark.parametrize(
    ("name", "answer"),
    [(name, answer) for name, answers in {
        "model_name": ["", "Iris", "1iris", "iris-", "iris_1", "iris.1", "a" * 53, "iris\n", "../iris", "größe"],
        "project_name": ["", "two words"],
        "bucket_name": ["", "ab", "Bucket", "-bucket", "bucket/", "b" * 223],
        "blob_dir": ["", "/iris"],
        "model_claim": ["Models", "my_models", "-models", "a" * 254],
        "model_volume": ["nfs", "[]", "{}", '{"nfs": 1}', '{"nfs": {}, "hostPath": {}}', "{'nfs': {}}"],
        "generation": ["0", "-1", "1e15", "v1", "1" * 20],
        "sha256": ["abc", "A" * 64, "g" * 64],
        "input_size": ["0", "-1", "four", "4.0", "04", " 4"],
        "example": ["[1, 2", "5", "null", "[NaN]", "{'a': 1}"],
        "image_repository": ["", "gcr.io/app:1.0", "gcr.io/my app", "https://gcr.io/app", "app@sha256:ab", "App"],
        "app_version": ["", "latest", "1.0+build", "v 1", "a" * 129],
        "replicas": ["0", "", "two", "3000000000"],
        "service_port": ["0", "65536", "http", ""],
        "ingress_host": ["", "Models.example.com", "http://a.com", "a..b", "a.com/x", "a.*.com", "a." * 127 + "com"],
        "ingress_path": ["", "iris", "/iris/", "//iris", "/a b", "/iris*"],
        "gpu_count": ["0", "", "half"],
    }.items() for answer in answers],
)  # fmt: skip
def test_a_bad_answer_is_refused_by_name(faults: Callable[[dict[str, str]], list[str]], name: str, answer: str) -> None:
    lines = faults(GOOD | {name: answer})

    assert len(lines) == 1
    assert lines[0].startswith(f"{name}: expected ")
    assert lines[0].endswith(f"got {answer!r}")


@pytest.mark.parametrize("path", ["/predict", "/v1", "/v1/iris", "/v2", "/api/iris", "/metrics", "/readyz", "/docs/x"])
def test_an_ingress_path_does_not_hide_a_route(faults: Callable[[dict[str, str]], list[str]], path: str) -> None:
    [line] = faults(GOOD | {"ingress_path": path})

    assert line.startswith("ingress_path: the server has routes of its own")


@pytest.mark.parametrize("path", ["", "models/iris.joblib", "~/iris.joblib"])
def test_a_local_model_needs_an_absolute_path(faults: Callable[[dict[str, str]], list[str]], path: str) -> None:
    assert faults(GOOD | LOCAL | {"model_path": path}) == [f"model_path: expected an absolute path, got {path!r}"]


@pytest.mark.parametrize("port", ["29999", "32768", "80", "x"])
def test_a_node_port_lies_in_its_range(faults: Callable[[dict[str, str]], list[str]], port: str) -> None:
    expected = f"node_port: expected a port from 30000 to 32767, or nothing, got {port!r}"

    assert faults(GOOD | NODE_PORT | {"node_port": port}) == [expected]


def test_a_cluster_ip_has_no_node_port(faults: Callable[[dict[str, str]], list[str]]) -> None:
    lines = faults(GOOD | {"node_port": "30080"})

    assert lines == ["node_port: a Service of type ClusterIP has none; choose another service_type"]


def test_only_one_volume_can_be_mounted(faults: Callable[[dict[str, str]], list[str]]) -> None:
    lines = faults(GOOD | {"model_claim": "models", "model_volume": '{"emptyDir": {}}'})

    assert lines == ["model_volume: only one of model_claim and model_volume can be mounted at /models"]


def test_plain_cookiecutter_renders_whatever_an_answer_holds(
    cookiecutter: Callable[..., subprocess.CompletedProcess[str]], helm: str, tmp_path: Path
) -> None:
    description = "it's '''three''' \"\"\" \\ \\u0027 größe 😀 : # {% raw %}{{ x }}{% endraw %} & <b>\nnext"

    result = cookiecutter(model_name="iris", description=description)

    chart = tmp_path / "charts" / "iris"
    lint = subprocess.run([helm, "lint", "--strict", chart], capture_output=True, text=True, check=False)
    shown = subprocess.run([helm, "show", "chart", chart], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert lint.returncode == 0, lint.stdout
    # Cookiecutter itself renders an answer, which takes the two raw tags away.
    expected = description.replace("{% raw %}", "").replace("{% endraw %}", "")
    assert yaml.safe_load((chart / "Chart.yaml").read_text())["description"] == expected
    # Helm shows a line's end as a blank.
    assert yaml.safe_load(shown.stdout)["description"] == expected.replace("\n", " ")


def test_plain_cookiecutter_tells_every_fault_and_leaves_nothing(
    cookiecutter: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    result = cookiecutter(model_name="Iris", replicas="0", ingress_path="'''/x\\")

    named = [line.partition(":")[0] for line in result.stderr.splitlines() if ": expected " in line]
    assert result.returncode != 0
    assert named == ["model_name", "replicas", "ingress_path"]
    assert list((tmp_path / "charts").iterdir()) == []


def test_plain_cookiecutter_refuses_a_path_that_is_taken(
    cookiecutter: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    first = cookiecutter(model_name="iris")
    second = cookiecutter(model_name="wine", ingress_path="/iris")

    assert first.returncode == 0, first.stderr
    assert second.returncode != 0
    assert "ingress_path: " in second.stderr
    assert [chart.name for chart in (tmp_path / "charts").iterdir()] == ["iris"]
