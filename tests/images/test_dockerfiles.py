"""What both Dockerfiles promise, as far as it can be read off them."""

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DOCKERFILES = ("Dockerfile.base", "Dockerfile.ci")


def instruction(dockerfile: str, pattern: str) -> str:
    """What the only match of *pattern* captures, lines that go on joined."""
    [found] = re.findall(rf"^{pattern}$", (ROOT / dockerfile).read_text().replace("\\\n", ""), re.MULTILINE)
    return found


@pytest.fixture(scope="module")
def pod(helm: str) -> dict[str, Any]:
    command = [helm, "template", "iris", ROOT / "k8s_dev/iris", "--kube-version", "1.34.0"]
    manifests = yaml.safe_load_all(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    [deployment] = [manifest for manifest in manifests if manifest and manifest["kind"] == "Deployment"]
    return deployment["spec"]["template"]["spec"]


@pytest.fixture
def serve() -> Iterator[Callable[[int], int]]:
    """Start a server that answers ``/readyz`` with this status, and nothing else; its port."""
    servers = []

    def start(status: int) -> int:
        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status if self.path == "/readyz" else 404)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Tests are quiet."""

        servers.append(HTTPServer(("127.0.0.1", 0), Answer))
        Thread(target=servers[-1].serve_forever, daemon=True).start()
        return servers[-1].server_port

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("dockerfile", DOCKERFILES)
def test_hadolint_finds_nothing(dockerfile: str) -> None:
    hadolint = Path(sys.executable).with_name("hadolint")

    result = subprocess.run([hadolint, dockerfile], cwd=ROOT, capture_output=True, text=True)

    assert (result.returncode, result.stdout) == (0, "")


@pytest.mark.parametrize("dockerfile", DOCKERFILES)
def test_an_image_runs_as_the_user_of_the_pod(pod: dict[str, Any], dockerfile: str) -> None:
    user = instruction(dockerfile, "USER (.+)")

    context = pod["securityContext"]
    assert user == f"{context['runAsUser']}:{context['runAsGroup']}"


def test_the_image_runs_the_command_of_the_pod_by_default(pod: dict[str, Any]) -> None:
    command = json.loads(instruction("Dockerfile.base", "CMD (.+)"))
    port = re.search(r"\bPORT=(\d+)", instruction("Dockerfile.base", "(ENV PATH=.+)"))

    [container] = pod["containers"]
    assert port
    assert [*command, "--port", port[1]] == container["command"]
    assert command[0] in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False)])
def test_healthy_is_what_readyz_says(serve: Callable[[int], int], status: int, healthy: bool) -> None:
    python, *arguments = json.loads(instruction("Dockerfile.base", r"HEALTHCHECK [^[]*CMD (.+)"))
    port = serve(status)

    result = subprocess.run([sys.executable, *arguments], env={"PORT": str(port), "http_proxy": "http://127.0.0.1:1"})

    assert python == "python"
    assert (result.returncode == 0) is healthy


def test_nobody_listening_is_not_healthy() -> None:
    _, *arguments = json.loads(instruction("Dockerfile.base", r"HEALTHCHECK [^[]*CMD (.+)"))

    result = subprocess.run([sys.executable, *arguments], env={"PORT": "1"}, stderr=subprocess.DEVNULL)

    assert result.returncode != 0


def test_a_build_sees_nothing_but_what_is_named() -> None:
    ignored = {line.strip("/") for line in (ROOT / ".gitignore").read_text().split()}

    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]

    named = {rule.removeprefix("!") for rule in rules if rule.startswith("!")}
    assert rules[0] == "*"
    assert {name for name in named if not (ROOT / name).exists()} == set()
    assert named & (ignored | {".git", ".env"}) == set()


def test_image_and_make_get_pytorch_for_cpus_from_one_index() -> None:
    image = instruction("Dockerfile.base", "ARG TORCH_CPU_INDEX=(.+)")

    [make] = re.findall(r"^TORCH_CPU_INDEX \?= (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert image == make


def test_one_version_of_pytorch_fits_every_variant() -> None:
    [pinned] = re.findall(r"^torch==(.+)$", (ROOT / "scripts/constraints.txt").read_text(), re.MULTILINE)

    # A local version, such as 2.13.0+cpu, is on one index alone.
    assert re.fullmatch(r"[0-9.]+", pinned)
    for file in (*DOCKERFILES, "Makefile"):
        assert pinned not in (ROOT / file).read_text(), f"{file} repeats what scripts/constraints.txt says"
