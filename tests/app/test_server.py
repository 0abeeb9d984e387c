import json
import logging

import pytest

from model_deployment_app.app import server
from model_deployment_app.errors import ArtifactNotFound
from model_deployment_app.telemetry import logs


@pytest.fixture
def termination_log(tmp_path, monkeypatch):
    file = tmp_path / "termination.log"
    file.touch()
    monkeypatch.setenv("TERMINATION_LOG", str(file))
    return file


@pytest.fixture
def configured():
    """`logs.configure`, undone afterwards."""
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    yield logs.configure
    logging.captureWarnings(False)
    root.setLevel(level)
    root.handlers[:] = handlers


def test_a_refusal_is_a_line_for_people(termination_log, capfd):
    server.report(ArtifactNotFound("/models/iris.pkl:\n no such file\x1b[2J"))

    assert capfd.readouterr().err == "mda: ArtifactNotFound: /models/iris.pkl: no such file\\x1b[2J\n"


def test_a_refusal_is_an_event_for_a_collector_and_a_line_for_kubernetes(termination_log, configured, capfd):
    configured("info", "json")

    server.report(ArtifactNotFound("/models/iris.pkl: no such file"), log_format="json")

    event = json.loads(capfd.readouterr().err)
    line = "mda: ArtifactNotFound: /models/iris.pkl: no such file"
    assert (event["level"], event["event"], event["error_code"]) == ("ERROR", line, "ArtifactNotFound")
    assert termination_log.read_text() == f"{line}\n"
