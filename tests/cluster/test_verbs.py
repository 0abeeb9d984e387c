"""The life of a model as a user types it: make, mda, helm and kubectl, all real."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from .fake.controllers import REFUSAL
from .fake.server import FakeKubernetes

ROOT = Path(__file__).parents[2]
SHARED = ("Makefile", "pyproject.toml", "scripts", ".venv")

Make = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def make(tmp_path: Path, charts: Path, kubernetes: FakeKubernetes, helm: str, kubectl_binary: str) -> Make:
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    for name in SHARED:
        (checkout / name).symlink_to(ROOT / name)
    shutil.copytree(charts / "iris", checkout / "k8s_dev/iris")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    environment = kept | {"HELM": helm, "KUBECTL": kubectl_binary}

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["make", *words], cwd=checkout, env=environment, capture_output=True, text=True)

    return run


def test_a_model_comes_is_looked_at_and_goes(make: Make, kubernetes: FakeKubernetes, namespace: str) -> None:
    there = ("MODEL=iris", f"NAMESPACE={namespace}")

    results = [make(f"k8s-{verb}", *there) for verb in ("deploy", "status", "restart", "undeploy", "undeploy")]

    assert [result.stderr for result in results if result.returncode] == []
    deployed, looked_at, restarted, gone, still_gone = (result.stdout for result in results)
    assert "iris is deployed: revision 1, its pods are ready, registry.local/app:" in deployed
    assert "pods      1 of 1 ready" in looked_at
    assert "its pods are new, and ready" in restarted
    assert "removed: configmap/iris-config, deployment/iris, " in gone
    assert f"left on purpose: namespace/{namespace}; claims: none there" in gone
    assert "removed: nothing, there was nothing" in still_gone
    assert kubernetes.everything(namespace) == []


def test_a_deploy_that_fails_tells_it_line_by_line(make: Make, namespace: str) -> None:
    result = make("k8s-deploy", "MODEL=iris", f"NAMESPACE={namespace}", "IMAGE_TAG=1-refuses")

    assert result.returncode != 0
    assert f" s  0 of 1 pods ready; {REFUSAL}\n" in result.stderr
    assert f"mda: RolloutFailed: iris did not become ready: {REFUSAL}\n" in result.stderr
    assert "mda: RolloutFailed: nothing ran before, and nothing is left of it\n" in result.stderr
    assert "Traceback" not in result.stderr


def test_without_kubectl_a_deploy_says_how_to_get_it(make: Make) -> None:
    result = make("k8s-deploy", "MODEL=iris", "KUBECTL=/nowhere/kubectl")

    assert "mda: ToolMissing: /nowhere/kubectl cannot be run" in result.stderr
