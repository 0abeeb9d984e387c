"""One line an event, on standard error: ours, the server's and the libraries' alike, as text or as JSON."""

import logging.config
import sys
from datetime import UTC, datetime
from typing import Any, Literal

import orjson
import structlog
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

from ..errors import printable

LogFormat = Literal["text", "json"]

#: Longest word of a client in a line.
_MAX_WORD = 200


def configure(level: str, log_format: LogFormat = "text") -> None:
    """Send every logger's lines through one format.

    Parameters
    ----------
    level : {"debug", "info", "warning", "error"}
    log_format : {"text", "json"}
    """
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"line": {"()": _formatter, "log_format": log_format}},
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
            "root": {"level": level.upper(), "handlers": ["stderr"]},
            "loggers": {
                # Chatty at debug, about nothing that concerns a model.
                **{name: {"level": "INFO"} for name in ("google", "urllib3", "asyncio", "grpc")},
                # Its line for each retry has no cause; the repository's has.
                "stamina": {"level": "ERROR"},
            },
        }
    )
    logging.captureWarnings(True)


def events(level: str, log_format: LogFormat) -> FilteringBoundLogger:
    """A logger of events with fields, one for each request: it writes to standard error, past the logging module."""
    return structlog.wrap_logger(
        structlog.BytesLogger(sys.stderr.buffer),
        processors=[structlog.processors.format_exc_info, {"text": _text_event, "json": _json_event}[log_format]],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
    )


def _formatter(log_format: LogFormat) -> structlog.stdlib.ProcessorFormatter:
    render = {"text": _text_line, "json": _json_line}[log_format]
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.add_logger_name],
        processors=[structlog.processors.format_exc_info, render],
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _text_line(_: WrappedLogger, __: str, event: EventDict) -> str:
    record: logging.LogRecord = event["_record"]
    line = f"{_now()} {record.levelname} {event['logger']} {event['event']}"
    return f"{line}\n{event['exception']}" if "exception" in event else line


def _json_line(_: WrappedLogger, __: str, event: EventDict) -> str:
    record: logging.LogRecord = event["_record"]
    fields = {key: value for key, value in event.items() if not key.startswith("_")}
    return orjson.dumps({"@timestamp": _now(), "level": record.levelname, **fields}, default=str).decode()


def _json_event(_: WrappedLogger, level: str, event: EventDict) -> bytes:
    return orjson.dumps({"@timestamp": _now(), "level": level.upper(), **event}, default=str)


def _text_event(_: WrappedLogger, level: str, event: EventDict) -> bytes:
    """``INFO request model=iris … latency_ms 12.3``; for an error, what it is in front, the same for all of a kind.

    `sort | uniq -c` counts lines that are equal: the one in front has neither time nor trace.
    """
    exception = event.pop("exception", None)
    latency_ms = event.pop("latency_ms")
    name = event.pop("event")
    fields = " ".join(f"{key}={_word(value)}" for key, value in event.items())
    is_error = level == "error"
    line = f"{_now()} {'INFO' if is_error else level.upper()} {name} {fields} latency_ms {latency_ms}"
    if is_error:
        kind = " ".join(f"{key}={_word(event[key])}" for key in ("error_code", "code", "protocol", "model"))
        line = "\n".join(filter(None, (f"ERROR {kind}", exception, line)))
    return line.encode(errors="backslashreplace")


def _word(value: Any) -> str:
    """A value as one word, whatever a client has put into it."""
    text = value if isinstance(value, str) else str(value)
    if text.isascii() and text.isprintable() and not set(text) & set(" =\"'") and len(text) <= _MAX_WORD:
        return text
    text = printable(text if len(text) <= _MAX_WORD else f"{text[: _MAX_WORD - 1]}…")
    return orjson.dumps(text.encode(errors="backslashreplace").decode()).decode().replace(" ", "\\x20")
