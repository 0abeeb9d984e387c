"""The main job from end to end on embedded defaults: train, scaffold, pack, publish, check, serve, predict.

Everything is made under .demo/, which git ignores. `make demo` runs this; `demo_<kind>.py` brings the model.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType
from urllib.error import URLError
from urllib.request import Request, urlopen

import numpy as np
from demo_model import Store, Trained, free_port

ROOT = Path(__file__).resolve().parents[1]
DEMO = ROOT / ".demo"
LOG = DEMO / "server.log"
READY_WITHIN_S = 60
MDA = Path(sys.executable).with_name("mda")


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the server is stopped then, too
    options = _options()
    kind = import_module(f"demo_{options.kind}")

    _step(1, "Train a real estimator on a real data set")
    model = kind.train()

    _step(2, "Pack it: its digest, its versions, and the answers that every pod must give")
    artifact = _saved(model, kind)
    sample = artifact.with_name("sample.json")
    sample.write_text(json.dumps(model.sample))
    _mda("pack", artifact.relative_to(ROOT), "--sample", sample.relative_to(ROOT))

    with kind.store(DEMO) as store:
        _step(3, "Scaffold its chart through cookiecutter")
        chart = _scaffold(model, store)
        values = (chart / "values.yaml").relative_to(ROOT)

        _step(4, f"Publish it to {kind.STORE}, and pin it in the chart")
        words = ("push", artifact.relative_to(ROOT), store.address, "--chart", values.parent)
        _mda(*words, environment=store.environment)

        _step(5, "Check the chart with helm, and do what a pod will do")
        _run(options.helm, "lint", "--strict", chart)
        manifests = _run(options.helm, "template", model.name, chart, "--kube-version", "1.31.0")
        kinds = [line.removeprefix("kind: ") for line in manifests.splitlines() if line.startswith("kind: ")]
        print(f"   helm lint --strict: no faults; helm template: {', '.join(kinds)}")
        _mda("check", "--chart", values.parent, environment=store.environment)

        _step(6, "Serve it from that chart's values.yaml")
        port = options.port or free_port()
        with _serving(values, port, store) as server:
            print(f"   ready after {_wait_until_ready(server, port):.1f} s: {kind.READY}")

            _step(7, "Predict, in every dialect")
            for path, message in model.questions.items():
                _ask(port, path, message, model.expected)
            print("   all three are the numbers that predict_proba gives in this process")
            _mda("smoke", "--config", values, "--url", f"http://127.0.0.1:{port}")
            if options.keep:
                print(
                    f"\nServing on http://127.0.0.1:{port} (try /docs); Ctrl-C ends it. Log: .demo/server.log",
                    flush=True,
                )
                server.wait()

        if not options.keep:
            _step(8, "Stop it")
            print("   SIGTERM, exit status 0")
    print(_NEXT + kind.NEXT)


_NEXT = """
Next, with a model of your own
   make new-model NAME=house JOB=regression INPUT_SIZE=10 PROJECT_NAME=… BUCKET_NAME=…
   .venv/bin/mda pack house.joblib --sample rows.csv
   .venv/bin/mda push house.joblib gs://…/house/v1/ --chart k8s_dev/house
   make serve MODEL=house
   curl -d '{"instances": [[…]]}' http://127.0.0.1:8000/v1/models/house:predict
and on a cluster
   make k8s-deploy MODEL=house
   make k8s-status MODEL=house
   make k8s-undeploy MODEL=house
This demo's chart, store and log are in .demo/; KEEP=1 keeps the server up.
"""


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kind", choices=["sklearn", "torch"], default="sklearn")
    parser.add_argument("--helm", default="helm")
    parser.add_argument("--port", type=int)
    parser.add_argument("--keep", action="store_true", help="stay up after the predictions")
    return parser.parse_args()


def _step(number: int, what: str) -> None:
    print(f"\n{number}. {what}", flush=True)


def _saved(model: Trained, kind: ModuleType) -> Path:
    """The artifact of *model*, alone in a folder of its own."""
    folder = DEMO / "saved" / model.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    artifact: Path = kind.save(model, folder)
    return artifact


def _scaffold(model: Trained, store: Store) -> Path:
    charts = DEMO / "k8s_dev"
    chart = charts / model.name
    shutil.rmtree(chart, ignore_errors=True)
    charts.mkdir(parents=True, exist_ok=True)
    answers = {
        "description": model.description,
        "input_size": str(model.input_size),
        "example": json.dumps(model.example),
        **store.answers,
    }
    settings = [word for key, answer in answers.items() for word in ("--set", f"{key}={answer}")]
    _run(MDA, "new", model.name, "--yes", "--into", charts, *settings)
    print(f"   mda new {model.name} --set method={store.answers['method']} … -> {chart.relative_to(ROOT)}/")
    return chart


@contextmanager
def _serving(values: Path, port: int, store: Store) -> Iterator[subprocess.Popen]:
    """Run the server; Ctrl-C ends it, whatever happens ends it."""
    variables = "".join(f"{name}={value} " for name, value in store.environment.items())
    print(f"   {variables}mda serve --config {values} --port {port}")
    with LOG.open("w") as log:
        command = [MDA, "serve", "--config", values, "--port", str(port)]
        environment = {**os.environ, **store.environment}
        # In a session of its own: Ctrl-C is for this script, which then stops the server.
        server = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        yield server
    except KeyboardInterrupt:
        print()
    finally:
        _stop(server)


def _mda(*words: object, environment: Mapping[str, str] | None = None) -> None:
    """Show a verb, and what it says."""
    print(f"   $ mda {' '.join(str(word) for word in words)}")
    for line in _run(MDA, *words, environment=environment).splitlines():
        print(f"   {_shortened(line.replace(f'file://{ROOT}/', '').replace(f'{ROOT}/', ''))}", flush=True)


def _run(*command: object, environment: Mapping[str, str] | None = None) -> str:
    """Run a step's command; a failure ends the demo with what it printed."""
    variables = {**os.environ, **(environment or {})}
    result = subprocess.run([str(word) for word in command], cwd=ROOT, env=variables, capture_output=True, text=True)
    if result.returncode:
        sys.exit(f"demo: {command[0]} {command[1]} failed:\n{result.stdout}{result.stderr}")
    return result.stdout


def _wait_until_ready(server: subprocess.Popen, port: int) -> float:
    started = time.monotonic()
    while (seconds := time.monotonic() - started) < READY_WITHIN_S:
        if server.poll() is not None:
            break
        try:
            with urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1):
                return seconds
        except URLError:
            time.sleep(0.05)
    sys.exit(f"demo: the server is not ready:\n{LOG.read_text()}")


def _ask(port: int, path: str, message: dict, expected: np.ndarray) -> None:
    body = json.dumps(message).encode()
    request = Request(f"http://127.0.0.1:{port}{path}", data=body, headers={"Content-Type": "application/json"})
    with urlopen(request, timeout=10) as response:
        answer = json.load(response)
    print(f"   POST {path}\n     {_shortened(json.dumps(message))}\n     {_shortened(json.dumps(answer))}")
    if not np.array_equal(answer.get("probabilities", answer.get("predictions")), expected):
        sys.exit(f"demo: {path} answered other numbers than predict_proba: {expected.tolist()}")


def _shortened(text: str) -> str:
    return text if len(text) <= 220 else f"{text[:140]} … {text[-80:]}"


def _stop(server: subprocess.Popen) -> None:
    if server.poll() is None:
        server.send_signal(signal.SIGTERM)
    if status := server.wait(timeout=40):
        sys.exit(f"demo: the server ended with {status}:\n{LOG.read_text()}")


if __name__ == "__main__":
    main()
