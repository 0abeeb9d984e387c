"""Real server processes, on loopback."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import yaml
from ports import free_port

START_S = 60


@dataclass(frozen=True, slots=True)
class Server:
    """One running ``mda serve``.

    Attributes
    ----------
    process : Popen
    port : int
    client : Client
        Keeps its connection open.
    log : Path
        Standard output and standard error.
    """

    process: subprocess.Popen[bytes]
    port: int
    client: httpx2.Client
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answers(self) -> bool:
        try:
            return self.client.get("/livez").status_code == 200
        except httpx2.TransportError:
            return False

    def is_ready(self) -> bool:
        return self.answers() and self.client.get("/readyz").status_code == 200

    def until(self, condition: Callable[[], bool], within_s: float = START_S) -> None:
        """Ask *condition* again until it holds; fail once the process has ended or the time is up."""
        deadline = time.monotonic() + within_s
        while not condition():
            assert time.monotonic() < deadline, f"not within {within_s} s:\n{self.log.read_text()}"
            with contextlib.suppress(subprocess.TimeoutExpired):
                status = self.process.wait(0.05)
                raise AssertionError(f"the server ended with status {status}:\n{self.log.read_text()}")

    def stop(self) -> int:
        """End it as Kubernetes does; its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(START_S)


def launch(
    config: Mapping[str, Any], folder: Path, *, environment: Mapping[str, str] | None = None, port: int | None = None
) -> subprocess.Popen[bytes]:
    """Start ``mda serve`` with *config*; its log is ``server.log`` in *folder*."""
    file = folder / "values.yaml"
    file.write_text(yaml.safe_dump({"config": dict(config)}))
    command = [sys.executable, "-m", "model_deployment_app", "serve", "--config", str(file)]
    with (folder / "server.log").open("wb") as log:
        return subprocess.Popen(
            [*command, "--port", str(port or free_port()), "--cache-dir", str(folder / "cache")],
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
        )


@contextlib.contextmanager
def running(
    config: Mapping[str, Any], folder: Path, *, environment: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """A server that may not answer yet; ended on the way out, whatever happens."""
    port = free_port()
    process = launch(config, folder, environment=environment, port=port)
    try:
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False) as client:
            yield Server(process, port, client, folder / "server.log")
    finally:
        process.kill()
        process.wait()
