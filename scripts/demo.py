"""The main job from end to end on embedded defaults: train, publish, scaffold, lint, serve, predict.

Everything is made under .demo/, which git ignores. `make demo` runs this.
"""

import argparse
import hashlib
import json
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

import joblib
import numpy as np
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

ROOT = Path(__file__).resolve().parents[1]
DEMO = ROOT / ".demo"
NAME = "iris"
READY_WITHIN_S = 60


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the server is stopped then, too
    options = _options()
    iris = load_iris(as_frame=True)
    rows, labels = iris.data, iris.target_names[iris.target]
    train_rows, test_rows, train_labels, test_labels = train_test_split(rows, labels, random_state=0, stratify=labels)

    _step(1, "Train a real estimator on a real data set")
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(train_rows, train_labels)
    print(
        f"   StandardScaler + LogisticRegression on {len(train_rows)} of the {len(rows)} irises that scikit-learn ships"
    )
    print(f"   accuracy on the other {len(test_rows)}: {model.score(test_rows, test_labels):.3f}")

    _step(2, "Publish it to a local store")
    artifact, sha256 = _publish(model)
    print(f"   {artifact.relative_to(ROOT)}  {artifact.stat().st_size} bytes\n   sha256 {sha256}")

    _step(3, "Scaffold its chart through cookiecutter")
    instance = dict(zip(test_rows.columns, test_rows.iloc[0].tolist(), strict=True))
    chart = _scaffold(artifact, sha256, instance)

    _step(4, "Check the chart with helm")
    _run(options.helm, "lint", "--strict", chart)
    manifests = _run(options.helm, "template", NAME, chart, "--kube-version", "1.31.0")
    kinds = [line.removeprefix("kind: ") for line in manifests.splitlines() if line.startswith("kind: ")]
    print(f"   helm lint --strict: no faults; helm template: {', '.join(kinds)}")

    _step(5, "Serve it from that chart's values.yaml")
    port = options.port or _free_port()
    values = chart / "values.yaml"
    print(f"   mda serve --config {values.relative_to(ROOT)} --port {port}")
    with (DEMO / "server.log").open("w") as log:
        command = [_mda(), "serve", "--config", values, "--port", str(port)]
        # In a session of its own: Ctrl-C is for this script, which then stops the server.
        server = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        seconds = _wait_until_ready(server, port)
        print(f"   ready after {seconds:.1f} s: loaded, digest verified, warmed up")

        _step(6, "Predict, in every dialect")
        expected = model.predict_proba(test_rows[:1])
        _ask(port, "/predict", {"instances": [instance]}, expected)
        _ask(port, "/v1/predict", {"columns": {name: [value] for name, value in instance.items()}}, expected)
        _ask(port, f"/v1/models/{NAME}:predict", {"instances": [list(instance.values())]}, expected)
        print("   all three are the numbers that predict_proba gives in this process")
        _run(_mda(), "smoke", "--config", values, "--url", f"http://127.0.0.1:{port}")
        if options.keep:
            print(
                f"\nServing on http://127.0.0.1:{port} (try /docs); Ctrl-C ends it. Log: .demo/server.log", flush=True
            )
            server.wait()
    except KeyboardInterrupt:
        print()
    finally:
        _stop(server)

    if not options.keep:
        _step(7, "Stop it")
        print("   SIGTERM, exit status 0")
    print(_NEXT)


_NEXT = f"""
Next, with a model of your own
   make new-model NAME=house JOB=regression INPUT_SIZE=10 METHOD=LOCAL MODEL_PATH=/models/house.joblib
   make serve MODEL=house MODEL_PATH=/where/it/is/house.joblib        # the same values.yaml, here
   curl -d '{{"instances": [[…]]}}' http://127.0.0.1:8000/v1/models/house:predict
and on a cluster
   make new-model NAME=live METHOD=GCS PROJECT_NAME=… BUCKET_NAME=… BLOB_DIR=models/live
   make k8s-deploy MODEL=live
   make k8s-status MODEL=live
   make k8s-undeploy MODEL=live
This demo's chart, store and log are in .demo/; KEEP=1 make demo keeps the server up, make serve MODEL={NAME} starts
it from the committed chart k8s_dev/{NAME}."""


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--helm", default="helm")
    parser.add_argument("--port", type=int)
    parser.add_argument("--keep", action="store_true", help="stay up after the predictions")
    return parser.parse_args()


def _step(number: int, what: str) -> None:
    print(f"\n{number}. {what}", flush=True)


def _publish(model: Pipeline) -> tuple[Path, str]:
    artifact = DEMO / "store" / NAME / f"{NAME}.joblib"
    artifact.parent.mkdir(parents=True, exist_ok=True)
    part = artifact.with_suffix(".partial")
    joblib.dump(model, part, compress=3)
    part.replace(artifact)
    return artifact, hashlib.sha256(artifact.read_bytes()).hexdigest()


def _scaffold(artifact: Path, sha256: str, instance: dict[str, float]) -> Path:
    charts = DEMO / "k8s_dev"
    chart = charts / NAME
    shutil.rmtree(chart, ignore_errors=True)
    charts.mkdir(parents=True, exist_ok=True)
    answers = {
        "description": "Tells three species of iris apart",
        "method": "LOCAL",
        "model_path": str(artifact),
        "sha256": sha256,
        "input_size": str(len(instance)),
        "example": json.dumps(instance),
    }
    settings = [word for key, answer in answers.items() for word in ("--set", f"{key}={answer}")]
    _run(_mda(), "new", NAME, "--yes", "--into", charts, *settings)
    print(f"   mda new {NAME} --set method=LOCAL --set sha256=… -> {chart.relative_to(ROOT)}/")
    return chart


def _mda() -> str:
    return str(Path(sys.executable).with_name("mda"))


def _run(*command: object) -> str:
    """Run a step's command; a failure ends the demo with what it printed."""
    result = subprocess.run([str(word) for word in command], cwd=ROOT, capture_output=True, text=True)
    if result.returncode:
        sys.exit(f"demo: {command[0]} {command[1]} failed:\n{result.stdout}{result.stderr}")
    return result.stdout


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


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
    sys.exit(f"demo: the server is not ready:\n{(DEMO / 'server.log').read_text()}")


def _ask(port: int, path: str, message: dict, expected: np.ndarray) -> None:
    body = json.dumps(message).encode()
    request = Request(f"http://127.0.0.1:{port}{path}", data=body, headers={"Content-Type": "application/json"})
    with urlopen(request, timeout=10) as response:
        answer = json.load(response)
    print(f"   POST {path}\n     {_shortened(json.dumps(message))}\n     {_shortened(json.dumps(answer))}")
    if not np.array_equal(answer.get("probabilities", answer.get("predictions")), expected):
        sys.exit(f"demo: {path} answered other numbers than predict_proba: {expected.tolist()}")


def _shortened(text: str, at_most: int = 220) -> str:
    return text if len(text) <= at_most else text[: at_most - 1] + "…"


def _stop(server: subprocess.Popen) -> None:
    if server.poll() is None:
        server.send_signal(signal.SIGTERM)
    if status := server.wait(timeout=40):
        sys.exit(f"demo: the server ended with {status}:\n{(DEMO / 'server.log').read_text()}")


if __name__ == "__main__":
    main()
