"""The pipelines of the first operators' runbook, as they wrote them, on the log of a real server."""

import datetime
import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from .estimators import Trained
from .failing import SECRET, FailingClassifier
from .servers import running

TESTS = Path(__file__).parents[1]
MANUAL = TESTS.parent / "docs" / "OBSERVABILITY.md"
TRACE_ID = "abc123abc123abc123abc123abc123ab"
KEY = "a-key-that-nobody-may-read"

SEARCH_ERRORS = "kubectl logs -n model-serving -l app=model-serving --tail=1000 | grep ERROR"
SEARCH_REQUEST = 'kubectl logs -n model-serving -l app=model-serving | grep "trace_id=abc123"'
COUNT_ERRORS = (
    "kubectl logs -n model-serving -l app=model-serving --tail=10000 | grep ERROR | sort | uniq -c | sort -rn"
)
LATENCY = r"""kubectl logs -n model-serving -l app=model-serving --tail=10000 | \
  grep "latency_ms" | \
  awk '{print $NF}' | \
  sort -n | \
  awk 'BEGIN {sum=0; count=0} {sum+=$1; count++; vals[count]=$1} END {
    print "Count:", count
    print "Mean:", sum/count
    print "P50:", vals[int(count*0.5)]
    print "P95:", vals[int(count*0.95)]
    print "P99:", vals[int(count*0.99)]
  }'"""

GOOD, NARROW, BEYOND = [5.1, 3.5, 1.4, 0.2], [5.1, 3.5], [5.1, 3.5, 1.4, SECRET]
V1 = "/v1/models/iris:predict"
ASKED = [("/predict", GOOD, 200)] * 20 + [("/predict", NARROW, 422)] * 3 + [("/v1/models/rose:predict", GOOD, 404)] * 2
ASKED += [("/predict", BEYOND, 500)] * 3 + [(V1, BEYOND, 500)] * 2 + [("/nothing", GOOD, 404)]


@pytest.fixture(scope="module", params=["text", "json"])
def log(request: pytest.FixtureRequest, trained: dict[str, Trained], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a server that has answered `ASKED`, the last of them in the trace `TRACE_ID`."""
    iris = trained["iris"]
    folder = tmp_path_factory.mktemp("runbook")
    model = Trained(FailingClassifier(iris.estimator), iris.rows, "failing.joblib", iris.dump, iris.config)
    config = model.publish(folder) | {"logFormat": request.param}
    config["model"]["trustedTypes"] = [f"{FailingClassifier.__module__}.{FailingClassifier.__name__}"]
    # The class is found where this test found it.
    environment = {"API_KEYS": KEY, "PYTHONPATH": f"{TESTS}{os.pathsep}{TESTS.parent}"}
    with running(config, folder, environment=environment) as server:
        server.until(server.is_ready)
        for path, row, status in ASKED:
            # A parent of zeros is none: but for the last, each begins a trace of its own.
            parent_id = "0" * 15 + "1" if path == "/nothing" else "0" * 16
            headers = {"x-api-key": KEY, "traceparent": f"00-{TRACE_ID}-{parent_id}-01"}
            response = server.client.post(path, json={"instances": [row]}, headers=headers)
            assert response.status_code == status, response.text
        server.stop()
        return server.log


def out(pipeline: str, log: Path) -> list[str]:
    """What *pipeline* prints where kubectl gives that log."""
    assert pipeline in MANUAL.read_text()
    command = f'set -o pipefail; kubectl() {{ cat "$LOG"; }}; {pipeline}'
    environment = {"PATH": os.environ["PATH"], "LOG": str(log), "LC_ALL": "C"}
    return subprocess.run(
        ["bash", "-c", command], env=environment, check=True, capture_output=True, text=True
    ).stdout.splitlines()


@pytest.mark.parametrize("log", ["text"], indirect=True)
def test_grep_error_finds_the_errors_alone(log: Path) -> None:
    lines = out(SEARCH_ERRORS, log)

    assert len(lines) == 5
    assert all("error_code=InferenceError" in line for line in lines)


@pytest.mark.parametrize("log", ["text"], indirect=True)
def test_grep_finds_a_request_by_the_start_of_its_trace(log: Path) -> None:
    [line] = out(SEARCH_REQUEST, log)

    assert " path=/nothing model=- version=- rows=0 code=404 key_id=" in line
    assert f"trace_id={TRACE_ID} latency_ms " in line


@pytest.mark.parametrize("log", ["text"], indirect=True)
def test_errors_are_counted_by_type(log: Path) -> None:
    counts = [line.split(maxsplit=1) for line in out(COUNT_ERRORS, log)]

    assert counts == [
        ["3", "ERROR error_code=InferenceError code=500 protocol=native model=iris"],
        ["2", "ERROR error_code=InferenceError code=500 protocol=v1 model=iris"],
    ]


@pytest.mark.parametrize("log", ["text"], indirect=True)
def test_the_latency_script_takes_every_request(log: Path) -> None:
    found = dict(line.split(": ") for line in out(LATENCY, log))

    latencies = sorted(map(float, re.findall(r"latency_ms ([0-9.]+)$", log.read_text(), re.MULTILINE)))
    assert int(found["Count"]) == len(latencies) == len(ASKED)
    assert float(found["Mean"]) == pytest.approx(sum(latencies) / len(latencies), rel=1e-4)
    assert [float(found[f"P{percent}"]) for percent in (50, 95, 99)] == [
        latencies[int(len(latencies) * percent / 100) - 1] for percent in (50, 95, 99)
    ]


@pytest.mark.parametrize("log", ["json"], indirect=True)
def test_a_collector_finds_the_errors_of_the_last_hour(log: Path) -> None:
    events = [json.loads(line) for line in log.read_text().splitlines()]

    since = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=1)
    found = [
        event
        for event in events
        if event["level"] == "ERROR" and datetime.datetime.fromisoformat(event["@timestamp"]) >= since
    ]
    assert [(event["error_code"], event["protocol"], event["code"]) for event in found] == [
        *[("InferenceError", "native", "500")] * 3,
        *[("InferenceError", "v1", "500")] * 2,
    ]
    assert all(event["exception"].endswith("\nRuntimeError") for event in found)
    assert [event["path"] for event in events if event.get("trace_id") == TRACE_ID] == ["/nothing"]


def test_neither_row_nor_key_is_in_the_log(log: Path) -> None:
    text = log.read_text()

    assert str(SECRET) not in text
    assert KEY not in text
