"""One line an event, on standard error: ours, the server's and the libraries' alike, as text or as JSON."""

import contextlib
import logging.config
import re
import sys
import time
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Literal

import orjson
import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

from ..errors import printable
from . import stacks

LogFormat = Literal["text", "json"]

#: Longest word of a client in a line.
_MAX_WORD = 200

#: What is written as it is, where a blank parts one word from the next and ``=`` a key from its value.
_WORD = re.compile(rf"[!#-&(-<>-\[\]-~]{{1,{_MAX_WORD}}}")

#: Of the lines that tell of requests.
_LOGGER = "model_deployment_app.requests"


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
                # Its line for metadata that are no text quotes them, and so may quote a key.
                "grpc._cython.cygrpc": {"level": "CRITICAL"},
                # Its line for each retry has no cause; the repository's has.
                "stamina": {"level": "ERROR"},
            },
        }
    )
    logging.captureWarnings(True)


def events(level: str, log_format: LogFormat) -> FilteringBoundLogger:
    """A logger of requests, past the logging module: an event's fields are words of a client, and there are many.

    What an exception says, which may be a row of a request, is told at debug alone.
    """
    logger: FilteringBoundLogger = structlog.wrap_logger(
        _StandardError(),
        processors=[_exception(has_words=level == "debug"), {"text": _text_event, "json": _json_event}[log_format]],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
    ).bind()
    return logger


class _StandardError(structlog.BytesLogger):
    """Loses a line rather than a request: the disk below may be full, and the reader of a pipe may have gone."""

    def __init__(self) -> None:
        super().__init__(sys.stderr.buffer)

    def msg(self, message: bytes) -> None:
        with contextlib.suppress(OSError):
            super().msg(message)

    debug = info = warning = error = msg


def _formatter(log_format: LogFormat) -> structlog.stdlib.ProcessorFormatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.add_logger_name, structlog.stdlib.ExtraAdder(["error_code"])],
        processors=[_exception(has_words=True), {"text": _text_line, "json": _json_line}[log_format]],
    )


def _exception(*, has_words: bool) -> Processor:
    def tell(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        error = event.pop("exc_info", None)
        if isinstance(error, tuple):
            error = error[1]
        if error is not None:
            event["exception"] = stacks.told(error, has_words=has_words)
        return event

    return tell


def _now() -> str:
    now_ns = time.time_ns()
    return f"{_second(now_ns // 10**9)}.{now_ns // 10**6 % 1000:03}Z"


@lru_cache(maxsize=1)
def _second(since_epoch_s: int) -> str:
    return datetime.fromtimestamp(since_epoch_s, UTC).isoformat().removesuffix("+00:00")


def _text_line(_: WrappedLogger, __: str, event: EventDict) -> str:
    record: logging.LogRecord = event["_record"]
    line = f"{_now()} {record.levelname} {event['logger']} {printable(event['event'].strip())}"
    return f"{line}\n{event['exception']}" if "exception" in event else line


def _json_line(_: WrappedLogger, __: str, event: EventDict) -> str:
    record: logging.LogRecord = event["_record"]
    fields = {key: value for key, value in event.items() if not key.startswith("_")}
    fields["event"] = printable(event["event"].strip())
    return orjson.dumps({"@timestamp": _now(), "level": record.levelname, **fields}).decode()


def _json_event(_: WrappedLogger, level: str, event: EventDict) -> bytes:
    exception = event.pop("exception", None)
    fields = {key: _shown(value) for key, value in event.items()}
    if exception is not None:
        fields["exception"] = exception
    return orjson.dumps({"@timestamp": _now(), "level": level.upper(), "logger": _LOGGER, **fields})


def _text_event(_: WrappedLogger, level: str, event: EventDict) -> bytes:
    """``INFO request model=iris … latency_ms 12.3``; for an error, what it is in front, the same for all of a kind.

    `sort | uniq -c` counts lines that are equal: the one in front has neither time nor trace.
    """
    exception = event.pop("exception", None)
    latency_ms = event.pop("latency_ms")
    name = event.pop("event")
    fields = " ".join([f"{key}={_word(value)}" for key, value in event.items()])
    is_error = level == "error"
    line = f"{_now()} {'INFO' if is_error else level.upper()} {name} {fields} latency_ms {latency_ms}"
    if is_error:
        kind = " ".join(f"{key}={_word(event[key])}" for key in ("error_code", "code", "protocol", "model"))
        line = f"ERROR {kind}\n{exception}\n{line}"
    return line.encode()


def _shown(value: Any) -> Any:
    """A value of an event, without what moves a terminal's cursor or cannot be encoded, and cut."""
    if not isinstance(value, str) or (len(value) <= _MAX_WORD and value.isprintable()):
        return value
    return printable(_cut(value))


def _word(value: Any) -> str:
    """A value as one word that looks like no other field, whatever a client has put into it."""
    text = str(value)
    if _WORD.fullmatch(text):
        return text
    return "".join(each if _WORD.match(each) else _escaped(each) for each in _cut(text))


def _escaped(character: str) -> str:
    return f"\\x{ord(character):02x}" if character.isascii() else printable(character)


def _cut(text: str) -> str:
    return text if len(text) <= _MAX_WORD else f"{text[: _MAX_WORD - 1]}…"
