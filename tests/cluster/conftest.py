"""One fake Kubernetes API for the session, a namespace of its own for each test, the real helm and kubectl."""

import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from model_deployment_app.charts.new import new
from model_deployment_app.cluster.deploy import Deployed
from model_deployment_app.cluster.deploy import deploy as bring
from model_deployment_app.cluster.helm import Helm
from model_deployment_app.cluster.kubectl import Kubectl
from model_deployment_app.cluster.source import source

from .fake.server import FakeKubernetes, running

TEMPLATE = Path(__file__).parents[2] / "chart_template"
SHA256 = "ab" * 32

Deploy = Callable[..., Deployed]
# A namespace is given once.
_numbers = itertools.count()


@pytest.fixture(scope="session")
def _fake() -> Iterator[FakeKubernetes]:
    with running() as fake:
        yield fake


@pytest.fixture(scope="session")
def _home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home of its own: helm and kubectl keep there what they have discovered, by host and port."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def kubernetes(_fake: FakeKubernetes, _home: Path, monkeypatch: pytest.MonkeyPatch) -> FakeKubernetes:
    """The API that helm and kubectl reach in this test."""
    (_home / "kubeconfig").write_text(_fake.kubeconfig())
    (_home / "kubeconfig").chmod(0o600)
    monkeypatch.setenv("HOME", str(_home))
    monkeypatch.setenv("KUBECONFIG", str(_home / "kubeconfig"))
    return _fake


@pytest.fixture(scope="session")
def kubectl_binary() -> str:
    binary = os.environ.get("KUBECTL") or shutil.which("kubectl")
    if not binary:
        pytest.skip("kubectl is not on PATH: the cluster's side of deploy cannot be tested here")
    return binary


@pytest.fixture
def namespace() -> str:
    return f"models-{next(_numbers)}"


@pytest.fixture
def the_helm(helm: str, namespace: str, kubernetes: FakeKubernetes) -> Helm:
    return Helm(helm, namespace)


@pytest.fixture
def the_kubectl(kubectl_binary: str, namespace: str, kubernetes: FakeKubernetes) -> Kubectl:
    return Kubectl(kubectl_binary, namespace)


@pytest.fixture
def charts(tmp_path: Path) -> Path:
    """A folder with the chart of one model, iris."""
    answers = {"model_name": "iris", "method": "LOCAL", "sha256": SHA256, "image_repository": "registry.local/app"}
    new(answers, template=TEMPLATE, into=tmp_path, no_input=True)
    return tmp_path


@pytest.fixture
def news() -> list[str]:
    """What was shown while a test waited."""
    return []


@pytest.fixture
def deploy(charts: Path, the_helm: Helm, the_kubectl: Kubectl, news: list[str]) -> Deploy:
    def run(*, env: str = "", image_tag: str = "", helm_args: str = "") -> Deployed:
        wanted = source("iris", charts=charts, env=env, image_tag=image_tag, helm_args=helm_args)
        return bring(wanted, helm=the_helm, kubectl=the_kubectl, show=news.append)

    return run
