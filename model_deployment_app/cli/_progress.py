"""How far something is: one live line on a terminal; elsewhere a line for each news."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from shutil import get_terminal_size
from typing import TextIO


@contextmanager
def progress(stream: TextIO = sys.stderr) -> Iterator[Callable[[str], None]]:
    """A function that shows the news that it is called with."""
    started = time.monotonic()
    is_live = stream.isatty()
    shown = ""

    def show(news: str) -> None:
        nonlocal shown
        line = f"  {time.monotonic() - started:4.0f} s  {news}"
        if is_live:
            stream.write(f"\r\033[K{line[: get_terminal_size().columns - 1]}")
        elif news != shown:
            stream.write(f"{line}\n")
        stream.flush()
        shown = news

    try:
        yield show
    finally:
        if is_live and shown:
            stream.write("\n")
