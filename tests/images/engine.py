"""Containers that run as the pod of a chart does, by docker or podman."""

import contextlib
import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import yaml
from e2e.servers import Server
from ports import free_port

CHART = Path(__file__).parents[2] / "k8s_dev/iris"


@dataclass(frozen=True, slots=True)
class Pod:
    """What Kubernetes would make of the chart.

    Attributes
    ----------
    config : str
        The ConfigMap's ``config.json``.
    spec : dict
        The Deployment's pod.
    """

    config: str
    spec: dict[str, Any]

    @property
    def container(self) -> dict[str, Any]:
        return self.spec["containers"][0]

    def options(self, files: Path) -> list[str]:
        """The pod's environment, user and file systems as options of ``run``; *files* holds what its volumes hold."""
        assert self.container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        }
        identity = self.spec["securityContext"]
        options = ["--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges"]
        options += [f"--user={identity['runAsUser']}:{identity['runAsGroup']}"]
        options += [f"--env={variable['name']}={variable['value']}" for variable in self.container["env"]]
        volumes = {volume["name"]: volume for volume in self.spec["volumes"]}
        for mount in self.container["volumeMounts"]:
            if "emptyDir" in volumes[mount["name"]]:
                options.append(f"--tmpfs={mount['mountPath']}")
            else:
                options.append(f"--volume={files / mount['name']}:{mount['mountPath']}:ro")
        return options


def pod_of(helm: str, values: Mapping[str, Any]) -> Pod:
    """Render k8s_dev/iris with *values* on top of its own."""
    command = [helm, "template", "iris", CHART, "--kube-version", "1.34.0", "--values", "-"]
    result = subprocess.run(command, input=json.dumps(values), check=True, capture_output=True, text=True)
    manifests = {manifest["kind"]: manifest for manifest in yaml.safe_load_all(result.stdout) if manifest}
    return Pod(manifests["ConfigMap"]["data"]["config.json"], manifests["Deployment"]["spec"]["template"]["spec"])


@dataclass(frozen=True, slots=True)
class Engine:
    """docker or podman, and the image that it has built."""

    binary: str
    image: str

    def ask(self, *words: str) -> str:
        """What this command prints; it has to succeed."""
        result = subprocess.run([self.binary, *words], capture_output=True, text=True)
        assert result.returncode == 0, result.stderr
        return result.stdout.strip()

    def run(self, *command: str, options: Sequence[str] = ()) -> str:
        """What *command* prints in a container of its own."""
        return self.ask("run", "--rm", "--network=host", *options, self.image, *command)

    def is_healthy(self, container: str) -> bool:
        # Podman leaves the asking to systemd's timers, which a container or a CI job rarely has.
        if self.binary.endswith("podman"):
            subprocess.run([self.binary, "healthcheck", "run", container], check=False, capture_output=True)
        return self.ask("inspect", "--format", "{{.State.Health.Status}}", container) == "healthy"

    @contextlib.contextmanager
    def serving(self, name: str, folder: Path, options: Sequence[str], command: Sequence[str] = ()) -> Iterator[Server]:
        """A container on the host's network, which may not answer yet; removed on the way out, whatever happens.

        In *command*, the port is to be 8000 or absent.
        """
        port = free_port()
        words = [str(port) if word == "8000" else word for word in command]
        run = [self.binary, "run", "--name", name, "--network=host", *options, f"--env=PORT={port}", self.image, *words]
        with (folder / "container.log").open("wb") as log:
            process = subprocess.Popen(run, stdout=log, stderr=subprocess.STDOUT)
        try:
            with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False) as client:
                yield Server(process, port, client, folder / "container.log")
        finally:
            subprocess.run([self.binary, "rm", "--force", name], check=False, capture_output=True)
            process.wait()
