import pytest
import structlog

from model_deployment_app.errors import InferenceError, InvalidTensor, ModelNotReady
from model_deployment_app.telemetry import trace
from model_deployment_app.telemetry.exchange import CLIENT_GONE, Exchange, Recorder
from model_deployment_app.telemetry.metrics import Metrics


@pytest.fixture
def lines():
    return structlog.testing.LogCapture()


@pytest.fixture
def metrics():
    return Metrics()


@pytest.fixture
def recorder(lines, metrics):
    return Recorder(metrics, structlog.wrap_logger(None, processors=[lines]))


def asked(**known):
    return Exchange(trace.join(None), **{"protocol": "v1", "model": "iris", "version": "1"} | known)


@pytest.mark.parametrize(
    ("code", "failure", "level"),
    [
        ("200", None, "info"),
        ("404", None, "warning"),
        ("422", InvalidTensor("no"), "warning"),
        ("503", ModelNotReady("soon"), "warning"),
        ("UNAVAILABLE", ModelNotReady("soon"), "warning"),
        ("500", InferenceError("no"), "error"),
        ("500", RuntimeError("nobody foresaw it"), "error"),
        (CLIENT_GONE, None, "info"),
    ],
)
def test_a_line_has_the_level_of_what_was_answered(recorder, lines, code, failure, level):
    recorder.end(asked(failure=failure), code=code)

    [line] = lines.entries
    assert (line["log_level"], line["code"]) == (level, code)


def test_an_error_is_told_with_what_the_model_raised(recorder, lines):
    failure, cause = InferenceError("the model raised an error"), ValueError("its own words")
    failure.__cause__ = cause

    recorder.end(asked(failure=failure), code="500")

    [line] = lines.entries
    assert (line["error_code"], line["exc_info"]) == ("InferenceError", cause)


def test_a_refusal_has_no_traceback(recorder, lines):
    recorder.end(asked(failure=InvalidTensor("row 0, column 'age': expected a number")), code="422")

    [line] = lines.entries
    assert "exc_info" not in line
    assert "age" not in repr(line)


def test_a_probe_is_quiet_and_no_refusal_however_it_is_answered(recorder, lines, metrics):
    recorder.end(asked(protocol=None, failure=ModelNotReady("soon")), code="503", is_quiet=True)

    assert lines.entries[0]["log_level"] == "debug"
    assert b'reason="ModelNotReady"' not in metrics.text()


def test_without_an_access_log_only_failures_have_a_line(lines, metrics):
    recorder = Recorder(metrics, structlog.wrap_logger(None, processors=[lines]), has_access_log=False)

    recorder.end(asked(), code="200")
    recorder.end(asked(failure=InvalidTensor("no")), code="422")

    assert [line["code"] for line in lines.entries] == ["422"]
    assert b'requests_total{code="200",model="iris",protocol="v1",version="1"} 1.0' in metrics.text()


def test_a_client_that_has_gone_is_counted_once_and_is_no_error(recorder, metrics):
    recorder.end(asked(), code=CLIENT_GONE)

    assert b'requests_total{code="499",model="iris",protocol="v1",version="1"} 1.0' in metrics.text()
    assert b"rejected_total{" not in metrics.text()
