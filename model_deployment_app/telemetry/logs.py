"""One line an event, on standard error: ours, the server's and the libraries' alike, as text or as JSON."""

import contextlib
import logging.config
import re
import sys
import time
from datetime import UTC, datetime
from functools import lru_cache, partialmethod
from typing import Any, Literal

import orjson

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
            "formatters": {"line": {"()": _Formatter, "log_format": log_format}},
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


class Events:
    """A logger of requests, past the logging module: an event's fields are words of a client, and there are many.

    What an exception says, which may be a row of a request, is told at debug alone. Loses a line rather than a request:
    the disk below may be full, and the reader of a pipe may have gone.

    Parameters
    ----------
    level, log_format
        As `configure` takes them.
    """

    def __init__(self, level: str, log_format: LogFormat) -> None:
        self._least = logging.getLevelNamesMapping()[level.upper()]
        self._render = {"text": _text_event, "json": _json_event}[log_format]
        self._file = sys.stderr.buffer

    def _tell(self, level: int, event: str, *, exc_info: BaseException | None = None, **fields: Any) -> None:
        if level < self._least:
            return
        exception = None if exc_info is None else stacks.told(exc_info, has_words=self._least <= logging.DEBUG)
        line = self._render(logging.getLevelName(level), event, fields, exception)
        with contextlib.suppress(OSError):
            self._file.write(line + b"\n")
            self._file.flush()

    debug = partialmethod(_tell, logging.DEBUG)
    info = partialmethod(_tell, logging.INFO)
    warning = partialmethod(_tell, logging.WARNING)
    error = partialmethod(_tell, logging.ERROR)


class _Formatter(logging.Formatter):
    def __init__(self, log_format: LogFormat) -> None:
        super().__init__()
        self._render = {"text": _text_line, "json": _json_line}[log_format]

    def format(self, record: logging.LogRecord) -> str:
        error = record.exc_info[1] if record.exc_info else None
        exception = None if error is None else stacks.told(error, has_words=True)
        return self._render(record, printable(record.getMessage().strip()), exception)


def _now() -> str:
    now_ns = time.time_ns()
    return f"{_second(now_ns // 10**9)}.{now_ns // 10**6 % 1000:03}Z"


@lru_cache(maxsize=1)
def _second(since_epoch_s: int) -> str:
    return datetime.fromtimestamp(since_epoch_s, UTC).isoformat().removesuffix("+00:00")


def _text_line(record: logging.LogRecord, event: str, exception: str | None) -> str:
    line = f"{_now()} {record.levelname} {record.name} {event}"
    return line if exception is None else f"{line}\n{exception}"


def _json_line(record: logging.LogRecord, event: str, exception: str | None) -> str:
    fields = {
        "event": event,
        "stack_info": record.stack_info,
        "logger": record.name,
        "error_code": getattr(record, "error_code", None),
        "exception": exception,
    }
    present = {key: value for key, value in fields.items() if value is not None}
    return orjson.dumps({"@timestamp": _now(), "level": record.levelname, **present}).decode()


def _json_event(level: str, event: str, fields: dict[str, Any], exception: str | None) -> bytes:
    line = {"@timestamp": _now(), "level": level, "logger": _LOGGER}
    line |= {key: _shown(value) for key, value in fields.items()} | {"event": event}
    return orjson.dumps(line if exception is None else line | {"exception": exception})


def _text_event(level: str, event: str, fields: dict[str, Any], exception: str | None) -> bytes:
    """``INFO request model=iris … latency_ms 12.3``; for an error, what it is in front, the same for all of a kind.

    `sort | uniq -c` counts lines that are equal: the one in front has neither time nor trace.
    """
    words = " ".join([f"{key}={_word(value)}" for key, value in fields.items() if key != "latency_ms"])
    shown = "INFO" if exception is not None else level
    line = f"{_now()} {shown} {event} {words} latency_ms {fields['latency_ms']}"
    if exception is not None:
        kind = " ".join(f"{key}={_word(fields[key])}" for key in ("error_code", "code", "protocol", "model"))
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
