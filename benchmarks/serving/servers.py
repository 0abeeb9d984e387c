"""The servers that are compared, each in its own environment, and one of them as a running process."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import psutil
from models import Model
from payloads import Payload

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
BENCH = ROOT / ".bench"
SERVER_CPU, CLIENT_CPU = "0", "1"
START_S = 120


@dataclass(frozen=True, slots=True)
class Server:
    """How one of them is started and asked.

    Attributes
    ----------
    name : str
        As the report calls it.
    environment : str
        Name of its virtual environment.
    command : tuple of str
        Behind that environment's ``bin/``; ``{port}`` is filled in.
    dialect : {"v1", "v2", "v2-binary"}
    path : str
    output : str
        What its V2 answer is called.
    variables : dict
    """

    name: str
    environment: str
    command: tuple[str, ...]
    dialect: str
    path: str
    output: str = "predict_proba"
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def is_ours(self) -> bool:
        return self.environment == "ours"


_MDA = ("mda", "serve", "--port", "{port}", "--config", "{config}")
_BENTO = ("bentoml", "serve", "bento_app:Service", "--working-dir", str(HERE / "apps"), "-p", "{port}")
_V2 = "/v2/models/m/infer"
_BATCH = {"BATCH": "1"}


def _python(app: str) -> tuple[str, ...]:
    return ("python", str(HERE / "apps" / app))


SERVERS = [
    Server("ours, V1", "ours", _MDA, "v1", "/v1/models/m:predict"),
    Server("ours, V2 JSON", "ours", _MDA, "v2", _V2, "probabilities"),
    Server("ours, V2 binary", "ours", _MDA, "v2-binary", _V2, "probabilities"),
    Server("naive FastAPI", "naive", _python("naive.py"), "v1", "/predict"),
    Server("MLServer", "mlserver", _python("mlserver_app.py"), "v2", _V2, variables={"WORKERS": "1"}),
    Server("MLServer, in process", "mlserver", _python("mlserver_app.py"), "v2", _V2, variables={"WORKERS": "0"}),
    Server(
        "MLServer, batching", "mlserver", _python("mlserver_app.py"), "v2", _V2, variables={"WORKERS": "0", **_BATCH}
    ),
    Server("KServe", "kserve", _python("kserve_app.py"), "v1", "/v1/models/m:predict"),
    Server("KServe, V2 binary", "kserve", _python("kserve_app.py"), "v2-binary", _V2, "output-0"),
    Server("BentoML", "bentoml", _BENTO, "v1", "/predict"),
    Server("BentoML, batching", "bentoml", _BENTO, "v1", "/predict", variables=_BATCH),
    Server("LitServe", "litserve", _python("litserve_app.py"), "v1", "/predict"),
    Server("LitServe, batching", "litserve", _python("litserve_app.py"), "v1", "/predict", variables=_BATCH),
]


class Running:
    """A server process and its children, pinned to one core.

    Attributes
    ----------
    cold_s : float
        From its start to its first answer.
    """

    def __init__(self, server: Server, model: Model, port: int, first: Payload) -> None:
        self.server = server
        self.url = f"http://127.0.0.1:{port}{server.path}"
        work = BENCH / "work" / f"{port}"
        work.mkdir(parents=True, exist_ok=True)
        self.log = work / "server.log"
        binaries = ROOT / ".venv/bin" if server.is_ours else BENCH / "venvs" / server.environment / "bin"
        names = {"port": str(port), "config": str(_config(model, work))}
        executable, *words = (word.format(**names) for word in server.command)
        threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        variables = {"PORT": str(port), "MODEL_FILE": str(model.theirs), "WORK": str(work / "mlserver")}
        paths = {"PYTHONPATH": str(ROOT if server.is_ours else HERE / "apps"), "BENTOML_DO_NOT_TRACK": "1"}
        started = time.monotonic()
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                ["taskset", "-c", SERVER_CPU, str(binaries / executable), *words],
                env={**os.environ, **threads, **variables, **paths, **server.variables},
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd=work,
            )
        # Some answer 400 or 404 before their model is there.
        answer: object = None
        while self._process.poll() is None and time.monotonic() < started + START_S:
            try:
                self.ask(first)
            except OSError as error:
                answer = error.read() if isinstance(error, urllib.error.HTTPError) else error
                time.sleep(0.02)
                continue
            self.cold_s = time.monotonic() - started
            return
        self._process.kill()
        log = self.log.read_text(errors="replace")[-2000:]
        sys.exit(f"{server.name} does not answer {model.name}: {answer!r}\n{log}")

    def ask(self, payload: Payload) -> tuple[bytes, str | None]:
        """The body of one answer, and the length of its header where it is binary."""
        request = urllib.request.Request(self.url, payload.body.read_bytes(), payload.headers)
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.read(), response.headers.get("Inference-Header-Content-Length")

    def processes(self) -> list[psutil.Process]:
        root = psutil.Process(self._process.pid)
        return [root, *root.children(recursive=True)]

    def cpu_s(self) -> float:
        """CPU time of all its processes so far."""
        times = [process.cpu_times() for process in self.processes()]
        return sum(each.user + each.system for each in times)

    def memory_mb(self) -> float:
        """What of its memory is resident; of several processes, what they share counts once."""
        sizes = [process.memory_full_info() for process in self.processes()]
        # What one process shares, it shares with other servers of the same environment, or with this process.
        return (sizes[0].rss if len(sizes) == 1 else sum(size.pss for size in sizes)) / 1e6

    def freeze(self) -> None:
        """Let it have no CPU until `thaw`, so that what idles in it disturbs nobody."""
        for process in self.processes():
            process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        for process in self.processes():
            process.send_signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        processes = self.processes()
        self.thaw()
        self._process.terminate()
        _, alive = psutil.wait_procs(processes, timeout=10)
        for process in alive:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self._process.wait()


def _config(model: Model, work: Path) -> Path:
    """The values.yaml that `mda serve` serves *model* with; the log of requests is off, as it is for the others."""
    file = work / "values.yaml"
    location = {"method": "LOCAL", "path": str(model.ours)}
    config = {
        "name": "m",
        "modelType": model.ours.suffix.removeprefix("."),
        "job": "classification",
        "model": location,
        "inputSize": model.features,
        "accessLog": False,
        "logLevel": "warning",
    }
    file.write_text(json.dumps({"config": config}))  # JSON is YAML
    return file
