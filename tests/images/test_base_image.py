"""The image of Dockerfile.base, built by make and run as the chart's pod: `make test-images`."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from e2e.estimators import Trained, train
from gcp_storage_emulator.server import create_server
from google.cloud import storage
from numpy.testing import assert_allclose
from ports import free_port

from .engine import Engine, Pod, pod_of

pytestmark = pytest.mark.images

ROOT = Path(__file__).parents[2]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]

# Modules that were compiled from source, because no bytecode lies beside it.
UNCOMPILED = """
import os, sys
import google.cloud.storage, model_deployment_app.app.server, pandas, sklearn.ensemble, sklearn.linear_model
specs = [module.__spec__ for module in list(sys.modules.values()) if getattr(module, "__spec__", None)]
print([spec.origin for spec in specs if spec.cached and not os.path.exists(spec.cached)])
"""

SOURCES = """
import hashlib, pathlib, sys
folder = pathlib.Path(sys.argv[1] if sys.argv[1:] else __import__("model_deployment_app").__path__[0])
for file in sorted(folder.rglob("*.py")):
    print(file.relative_to(folder), hashlib.sha256(file.read_bytes()).hexdigest())
"""

WRITE = """
import sys
for folder in sys.argv[1:]:
    try:
        open(folder + "/written", "w").close()
        print(folder)
    except OSError:
        pass
"""


@pytest.fixture(scope="session")
def engine() -> Engine:
    """What builds and runs, with the image built; skips where there is no such thing."""
    binary = shutil.which(os.environ.get("DOCKER", ""))
    if not binary or subprocess.run([binary, "info"], capture_output=True).returncode:
        pytest.skip("neither docker nor podman answers: install or start one, or name one by DOCKER=")
    arguments = os.environ.get("BUILD_ARGS", "")
    [base] = re.findall(r"^ARG PYTHON_IMAGE=(.+)$", (ROOT / "Dockerfile.base").read_text(), re.MULTILINE)
    [base] = re.findall(r"PYTHON_IMAGE=(\S+)", arguments) or [base]
    if subprocess.run([binary, "image", "inspect", base], capture_output=True).returncode:
        pull = subprocess.run([binary, "pull", base], capture_output=True, text=True)
        if pull.returncode:
            pytest.skip(f"{base} is neither here nor can it be pulled: {pull.stderr.strip().splitlines()[-1]}")

    make = ["make", "docker-base", "PUSH=0", "REGISTRY=localhost/tested", f"DOCKER={binary}", f"BUILD_ARGS={arguments}"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    build = subprocess.run(make, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert build.returncode == 0, build.stdout + build.stderr
    return Engine(binary, f"localhost/tested/model-deployment-app:{VERSION}")


@pytest.fixture(scope="session")
def trained() -> dict[str, Trained]:
    return train()


@pytest.fixture
def container() -> str:
    """A name for a container."""
    return f"mda-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder for each volume of the pod that is not empty: any user can read it, as in a pod."""
    for name in ("config", "model-volume"):
        (tmp_path / name).mkdir(mode=0o755)
    return tmp_path


@pytest.fixture
def local_pod(helm: str, files: Path, trained: dict[str, Trained]) -> Pod:
    """The pod of the iris chart, its artifact in a mounted folder."""
    trained["iris"].publish(files / "model-volume")
    pod = pod_of(helm, {})
    (files / "config/config.json").write_text(pod.config)
    return pod


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, bytes], dict[str, Any]]]:
    """Upload a blob to a store on loopback; the values that make the chart's pod fetch it from there."""
    address = f"127.0.0.1:{(port := free_port())}"
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://{address}")
    with (
        create_server("127.0.0.1", port, in_memory=True),
        contextlib.closing(storage.Client(project="acme")) as client,
    ):
        models = client.create_bucket("acme-models")

        def upload(name: str, artifact: bytes) -> dict[str, Any]:
            models.blob(name).upload_from_string(artifact)
            model = {"method": "GCS", "projectName": "acme", "bucketName": "acme-models", "blobDir": name, "path": None}
            return {
                "config": {"model": model},
                "extraEnv": [{"name": "STORAGE_EMULATOR_HOST", "value": f"http://{address}"}],
            }

        yield upload


def test_the_pod_answers_the_numbers_of_predict_from_a_mounted_folder(
    engine: Engine, local_pod: Pod, files: Path, container: str, trained: dict[str, Trained]
) -> None:
    model = trained["iris"]

    with engine.serving(container, files, local_pod.options(files), local_pod.container["command"]) as server:
        server.until(server.is_ready)
        server.until(lambda: engine.is_healthy(container))
        user = engine.ask("exec", container, "id", "-u")
        answer = server.client.post("/predict", json={"instances": model.plain_rows()}).json()
        status = server.stop()

    assert_allclose(answer["probabilities"], model.estimator.predict_proba(model.rows), rtol=1e-12)
    assert (user, status) == ("10001", 0)


def test_the_pod_answers_the_numbers_of_predict_from_a_bucket(
    engine: Engine,
    helm: str,
    bucket: Callable[[str, bytes], dict[str, Any]],
    files: Path,
    container: str,
    trained: dict[str, Trained],
) -> None:
    model = trained["iris"]
    model.publish(files)
    pod = pod_of(helm, bucket("iris/2026-11/iris.joblib", (files / model.file).read_bytes()))
    (files / "config/config.json").write_text(pod.config)

    with engine.serving(container, files, pod.options(files), pod.container["command"]) as server:
        server.until(server.is_ready)
        answer = server.client.post("/predict", json={"instances": model.plain_rows()}).json()
        kept = engine.ask("exec", container, "find", "/var/cache/model", "-type", "f", "-size", "+0")
        status = server.stop()

    assert json.loads(pod.config)["model"]["method"] == "GCS"
    assert_allclose(answer["probabilities"], model.estimator.predict_proba(model.rows), rtol=1e-12)
    assert kept.startswith("/var/cache/model/")
    assert status == 0


def test_the_default_command_serves_with_a_user_that_nobody_knows(
    engine: Engine, local_pod: Pod, files: Path, container: str
) -> None:
    folders = [f"--volume={files}/config:/etc/model:ro", f"--volume={files}/model-volume:/models:ro"]

    with engine.serving(container, files, ["--read-only", "--tmpfs=/tmp", "--user=4242:0", *folders]) as server:
        server.until(server.is_ready)
        status = server.stop()

    assert status == 0


def test_a_pod_writes_to_its_two_empty_folders_alone(engine: Engine, local_pod: Pod, files: Path) -> None:
    folders = ["/", "/etc", "/etc/model", "/models", "/opt/venv", "/usr/local", "/var/cache/model", "/tmp", "/var/lib"]

    written = engine.run("python", "-c", WRITE, *folders, options=local_pod.options(files))

    assert written.split() == ["/var/cache/model", "/tmp"]


def test_nothing_of_the_image_can_be_changed_even_with_a_writable_root(engine: Engine) -> None:
    writable = engine.run("find", "/opt", "/usr", "-xdev", "-writable", "!", "-type", "l", "-prune")

    assert writable == ""


def test_a_wrong_config_ends_the_container_with_one_line(
    engine: Engine, local_pod: Pod, files: Path, container: str
) -> None:
    (files / "model-volume/iris.joblib").unlink()

    with engine.serving(container, files, local_pod.options(files), local_pod.container["command"]) as server:
        status = server.process.wait(60)

    assert status == 1
    assert "mda: ArtifactNotFound: /models/iris.joblib: no such file" in server.log.read_text()


def test_the_image_is_compiled(engine: Engine) -> None:
    assert engine.run("python", "-c", UNCOMPILED) == "[]"


def test_the_image_holds_these_sources_and_none_from_a_cache(engine: Engine) -> None:
    folder = ROOT / "model_deployment_app"

    there = engine.run("python", "-c", SOURCES)

    here = subprocess.run([sys.executable, "-c", SOURCES, folder], check=True, capture_output=True, text=True).stdout
    assert there == here.strip()


def test_the_image_tells_its_version_and_its_commit(engine: Engine) -> None:
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, check=True, capture_output=True, text=True).stdout

    labels = json.loads(engine.ask("image", "inspect", "--format", "{{json .Config.Labels}}", engine.image))

    assert engine.run("mda", "--version") == VERSION
    assert labels["org.opencontainers.image.title"] == "model-deployment-app"
    assert labels["org.opencontainers.image.version"] == VERSION
    assert labels["org.opencontainers.image.revision"].removesuffix("-dirty") == commit.strip()


def test_the_image_holds_neither_tests_nor_development_tools(engine: Engine) -> None:
    installed = engine.run("pip", "list", "--format=freeze", options=["--env=PIP_DISABLE_PIP_VERSION_CHECK=1"])

    names = {line.partition("==")[0] for line in installed.splitlines()}
    assert {"model-deployment-app", "scikit-learn"} <= names
    assert names & {"pytest", "mypy", "poetry", "cookiecutter", "torch", "pip"} == set()
