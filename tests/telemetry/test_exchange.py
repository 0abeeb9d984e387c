import io
import json
import sys
from types import SimpleNamespace

import pytest

from model_deployment_app.errors import InferenceError, InvalidTensor, ModelNotReady
from model_deployment_app.telemetry import stacks, trace
from model_deployment_app.telemetry.exchange import CLIENT_GONE, Exchange, Recorder
from model_deployment_app.telemetry.logs import Events
from model_deployment_app.telemetry.metrics import Metrics


@pytest.fixture
def written():
    return io.BytesIO()


@pytest.fixture
def log(written, monkeypatch):
    monkeypatch.setattr(sys, "stderr", SimpleNamespace(buffer=written))
    return Events("debug", "json")


@pytest.fixture
def lines(written):
    """What has been logged so far."""
    return lambda: [json.loads(line) for line in written.getvalue().splitlines()]


@pytest.fixture
def metrics():
    return Metrics()


@pytest.fixture
def recorder(log, metrics):
    return Recorder(metrics, log)


def asked(**known):
    return Exchange(trace.join(None), **{"protocol": "v1", "model": "iris", "version": "1"} | known)


@pytest.mark.parametrize(
    ("code", "failure", "level"),
    [
        ("200", None, "INFO"),
        ("404", None, "WARNING"),
        ("422", InvalidTensor("no"), "WARNING"),
        ("503", ModelNotReady("soon"), "WARNING"),
        ("UNAVAILABLE", ModelNotReady("soon"), "WARNING"),
        ("500", InferenceError("no"), "ERROR"),
        ("500", RuntimeError("nobody foresaw it"), "ERROR"),
        (CLIENT_GONE, None, "INFO"),
    ],
)
def test_a_line_has_the_level_of_what_was_answered(recorder, lines, code, failure, level):
    recorder.end(asked(failure=failure), code=code)

    [line] = lines()
    assert (line["level"], line["code"]) == (level, code)


def test_an_error_is_told_with_what_the_model_raised(recorder, lines):
    failure, cause = InferenceError("the model raised an error"), ValueError("its own words")
    failure.__cause__ = cause

    recorder.end(asked(failure=failure), code="500")

    [line] = lines()
    assert (line["error_code"], line["exception"]) == ("InferenceError", stacks.told(cause, has_words=True))


def test_a_refusal_has_no_traceback(recorder, lines):
    recorder.end(asked(failure=InvalidTensor("row 0, column 'age': expected a number")), code="422")

    [line] = lines()
    assert "exception" not in line
    assert "age" not in repr(line)


def test_a_probe_is_quiet_and_no_refusal_however_it_is_answered(recorder, lines, metrics):
    recorder.end(asked(protocol=None, failure=ModelNotReady("soon")), code="503", is_quiet=True)

    [line] = lines()
    assert line["level"] == "DEBUG"
    assert b'reason="ModelNotReady"' not in metrics.text()


def test_without_an_access_log_only_failures_have_a_line(log, lines, metrics):
    recorder = Recorder(metrics, log, has_access_log=False)

    recorder.end(asked(), code="200")
    recorder.end(asked(failure=InvalidTensor("no")), code="422")

    assert [line["code"] for line in lines()] == ["422"]
    assert b'requests_total{code="200",model="iris",protocol="v1",version="1"} 1.0' in metrics.text()


def test_a_client_that_has_gone_is_counted_once_and_is_no_error(recorder, metrics):
    recorder.end(asked(), code=CLIENT_GONE)

    assert b'requests_total{code="499",model="iris",protocol="v1",version="1"} 1.0' in metrics.text()
    assert b"rejected_total{" not in metrics.text()
