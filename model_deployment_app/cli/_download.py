"""How far a download is: a bar on a terminal; elsewhere, as in a pod, a log line every few seconds."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from ..artifacts import Meter
from ..errors import sized

logger = logging.getLogger(__name__)

#: A smaller artifact is there before anybody has read the line.
WORTH_A_LINE_BYTES = 8_000_000
BETWEEN_LINES_S = 5.0


def meter(stream: TextIO) -> Meter:
    """The meter that suits *stream*."""
    return bar(stream) if stream.isatty() else lines


def bar(stream: TextIO) -> Meter:
    """One live line on the terminal *stream*, gone once the download is over."""

    @contextmanager
    def shown(uri: str, done_bytes: int, total_bytes: int | None) -> Iterator[Callable[[int], None]]:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=Console(file=stream), transient=True) as progress:
            task = progress.add_task(uri.rpartition("/")[2], completed=done_bytes, total=total_bytes)
            yield lambda done_bytes: progress.update(task, completed=done_bytes)

    return shown


@contextmanager
def lines(uri: str, done_bytes: int, total_bytes: int | None) -> Iterator[Callable[[int], None]]:
    """A line at the beginning and at the end, and one each few seconds between; none for what is small."""
    first_bytes, started = done_bytes, monotonic()
    said = started
    is_worth_it = total_bytes is None or total_bytes >= WORTH_A_LINE_BYTES

    def say() -> None:
        nonlocal said
        said = monotonic()
        speed = (done_bytes - first_bytes) / max(said - started, 1e-3)
        if total_bytes is None:
            logger.info("download: uri=%s done=%s speed=%s/s", uri, sized(done_bytes), sized(speed))
            return
        logger.info(
            "download: uri=%s percent=%d done=%s of=%s speed=%s/s remaining_s=%s",
            uri,
            100 * done_bytes // max(total_bytes, 1),
            sized(done_bytes),
            sized(total_bytes),
            sized(speed),
            f"{(total_bytes - done_bytes) / speed:.0f}" if speed else "unknown",
        )

    def show(now_bytes: int) -> None:
        nonlocal done_bytes
        done_bytes = now_bytes
        if is_worth_it and monotonic() - said >= BETWEEN_LINES_S:
            say()

    if is_worth_it:
        say()
    try:
        yield show
    finally:
        if is_worth_it:
            say()
