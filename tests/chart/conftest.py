"""The chart as Helm renders it: the real binary, the real template, one object of each kind."""

import json
import subprocess
from collections.abc import Callable, Hashable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from model_deployment_app.charts.new import new

REPOSITORY = Path(__file__).parents[2]
TEMPLATE = REPOSITORY / "chart_template"

Manifests = dict[str, dict[str, Any]]
Render = Callable[..., Manifests]


class _Loader(yaml.CSafeLoader):
    """Refuses a key that is written twice, as the Kubernetes API does; PyYAML takes the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [key.value for key, _ in node.value]
        assert len(keys) == len(set(keys)), f"a key twice among {keys}, {node.start_mark}"
        return super().construct_mapping(node, deep)


@pytest.fixture(scope="session")
def make_chart(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Render chart_template with these answers, into a folder of its own."""

    def make(**answers: str) -> Path:
        return new(
            {"model_name": "iris"} | answers, template=TEMPLATE, into=tmp_path_factory.mktemp("charts"), no_input=True
        )

    return make


@pytest.fixture(scope="session")
def chart(make_chart: Callable[..., Path]) -> Path:
    """The chart of the default answers; not to be changed."""
    return make_chart()


@pytest.fixture(scope="session")
def template(helm: str, chart: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """`helm template` with these values on top of the chart's own; the same question is asked once."""

    @cache
    def answer(values: str, of: Path, release: str, kubernetes: str) -> subprocess.CompletedProcess[str]:
        command = [helm, "template", release, of, "--kube-version", kubernetes, "--values", "-"]
        return subprocess.run(command, input=values, capture_output=True, text=True, check=False)

    def run(
        values: dict[str, Any] | None = None,
        *,
        of: Path = chart,
        release: str = "iris",
        kubernetes: str = "1.34.0",
    ) -> subprocess.CompletedProcess[str]:
        return answer(json.dumps(values or {}), of, release, kubernetes)

    return run


@pytest.fixture(scope="session")
def render(template: Callable[..., subprocess.CompletedProcess[str]]) -> Render:
    """The rendered objects by kind; the only Pod is the one of `helm test`."""

    def run(values: dict[str, Any] | None = None, **options: Any) -> Manifests:
        result = template(values, **options)
        assert result.returncode == 0, result.stderr
        documents = [document for document in yaml.load_all(result.stdout, _Loader) if document]
        manifests = {document["kind"]: document for document in documents}
        assert len(manifests) == len(documents)
        return manifests

    return run


@pytest.fixture(scope="session")
def refusal(template: Callable[..., subprocess.CompletedProcess[str]]) -> Callable[..., str]:
    """What Helm says when it refuses to render these values."""

    def run(values: dict[str, Any], **options: Any) -> str:
        result = template(values, **options)
        assert result.returncode != 0, result.stdout
        return result.stderr

    return run
