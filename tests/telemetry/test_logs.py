import io
import json
import logging
import re
import sys
import warnings
from pathlib import Path

import pytest

from model_deployment_app.telemetry import logs

HOSTILE = [
    "/x trace_id=forged code=200",
    "/x\n2026-11-25T17:16:30.823Z INFO request code=200",
    "/x\r\nERROR error_code=Forged",
    "/\x1b[2J\x1b]0;title\x07",
    "/\x9b31m",
    "/\u202e\u2028\u00a0\x7f\x00",
    "/\"quoted\" 'words' \\x0a",
    "/ünïcödé🎈",
    "/\ud800\udcff",
    "/" + "a" * 1_000_000,
    "",
]

FIELDS = {"protocol": "v1", "path": "/predict", "model": "iris", "rows": 1, "code": "200", "trace_id": "abc123"}


@pytest.fixture
def stderr(capfd):
    """What has been written to standard error so far."""
    text = ""

    def read():
        nonlocal text
        text += capfd.readouterr().err
        return text

    return read


@pytest.fixture
def configured(stderr, monkeypatch):
    """`logs.configure`, undone afterwards."""
    # Google's client takes this away where it is imported first: by other tests, but in no server.
    monkeypatch.setattr(logging.getLogger("google"), "propagate", True)
    root = logging.getLogger()
    before = root.level, list(root.handlers)
    yield logs.configure
    logging.captureWarnings(False)
    root.setLevel(before[0])
    root.handlers[:] = before[1]


def failed(words):
    try:
        raise ValueError(words)
    except ValueError as error:
        return error


def test_a_text_line_ends_with_its_latency(stderr):
    logs.Events("info", "text").info("request", **FIELDS, latency_ms=12.3)

    fields = "protocol=v1 path=/predict model=iris rows=1 code=200 trace_id=abc123"
    time = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
    assert re.fullmatch(rf"{time} INFO request {fields} latency_ms 12\.3\n", stderr())


@pytest.mark.parametrize("path", HOSTILE)
@pytest.mark.parametrize("level", ["info", "warning", "error"])
def test_no_path_forges_a_line_a_field_or_an_escape_in_text(stderr, level, path):
    log = logs.Events("info", "text")

    exception = {"exc_info": failed("no")} if level == "error" else {}
    getattr(log, level)("request", error_code="InvalidTensor", **(FIELDS | {"path": path}), latency_ms=1.0, **exception)

    *_, line = lines = stderr().splitlines()
    assert len([each for each in lines if "trace_id=" in each]) == 1
    assert all(each.isprintable() for each in lines)
    assert [word.partition("=")[0] for word in line.split(" ")[3:-2]] == ["error_code", *FIELDS]
    assert line.endswith(" trace_id=abc123 latency_ms 1.0")
    assert len(line) < 2000


@pytest.mark.parametrize("path", HOSTILE)
def test_no_path_forges_a_line_or_an_escape_in_json(stderr, path):
    logs.Events("info", "json").warning("request", **(FIELDS | {"path": path}), latency_ms=1.0)

    [line] = stderr().splitlines()
    event = json.loads(line)
    assert line.isprintable()
    assert event["path"].isprintable()
    assert len(event["path"]) < 2000
    assert {key: event[key] for key in FIELDS if key != "path"} == {k: v for k, v in FIELDS.items() if k != "path"}


def test_an_error_is_in_front_of_its_line_the_same_for_all_of_a_kind(stderr):
    log = logs.Events("info", "text")

    for trace_id in ("a" * 32, "b" * 32):
        fields = FIELDS | {"code": "500", "trace_id": trace_id}
        log.error("request", exc_info=failed("no"), error_code="InferenceError", **fields, latency_ms=1.0)

    errors = [line for line in stderr().splitlines() if "ERROR" in line]
    assert errors == ["ERROR error_code=InferenceError code=500 protocol=v1 model=iris"] * 2


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_what_a_model_says_is_told_at_debug_alone(stderr, log_format):
    words = f"row {1234567} does not fit"

    logs.Events("info", log_format).error("request", exc_info=failed(words), error_code="E", **FIELDS, latency_ms=1.0)
    at_info = stderr()
    logs.Events("debug", log_format).error("request", exc_info=failed(words), error_code="E", **FIELDS, latency_ms=1.0)

    assert "ValueError" in at_info
    assert words not in at_info
    assert f"ValueError: {words}" in stderr()


def test_a_json_event_has_a_time_a_level_and_its_exception_in_one_line(stderr):
    logs.Events("info", "json").error(
        "request", exc_info=failed("no"), error_code="InferenceError", **FIELDS, latency_ms=1.0
    )

    [line] = stderr().splitlines()
    event = json.loads(line)
    assert (event["level"], event["event"], event["error_code"]) == ("ERROR", "request", "InferenceError")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event["@timestamp"])
    assert event["exception"].endswith("\nValueError")


def test_every_logger_speaks_json(configured, stderr):
    configured("info", "json")

    logging.getLogger("uvicorn.error").info("Uvicorn running on %s", "http://x", extra={"color_message": "\x1b[1m"})
    logging.getLogger("google.auth").error("it failed\nin two lines\x1b", exc_info=failed("no"))
    logging.getLogger("ours").warning("/odd\udcff/path")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("a warning", UserWarning, stacklevel=1)

    events = [json.loads(line) for line in stderr().splitlines()]
    assert [(event["level"], event["logger"]) for event in events] == [
        ("INFO", "uvicorn.error"),
        ("ERROR", "google.auth"),
        ("WARNING", "ours"),
        ("WARNING", "py.warnings"),
    ]
    assert events[1]["event"] == r"it failed\nin two lines\x1b"
    assert events[1]["exception"].endswith("\nValueError: no")
    assert "UserWarning: a warning" in events[3]["event"]
    assert set(events[0]) == {"@timestamp", "level", "logger", "event"}


def test_every_logger_speaks_text(configured, stderr):
    configured("info", "text")

    logging.getLogger("uvicorn.error").info("Uvicorn running on %s", "http://x")
    logging.getLogger("google.auth").error("it failed\nERROR forged", exc_info=failed("no"))
    logging.getLogger("urllib3").debug("never seen")

    first, second, *traceback = stderr().splitlines()
    assert first.endswith("Z INFO uvicorn.error Uvicorn running on http://x")
    assert second.endswith(r"Z ERROR google.auth it failed\nERROR forged")
    assert (traceback[0], traceback[-1]) == ("Traceback (most recent call last):", "ValueError: no")


def test_a_line_that_cannot_be_written_is_lost_and_nothing_else(monkeypatch):
    with Path("/dev/full").open("wb", buffering=0) as full:
        monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(full))
        log = logs.Events("info", "json")

        log.info("request", **FIELDS, latency_ms=1.0)
