"""Bytes <-> tensors of large requests, beside the event loop, so that probes are answered in between."""

import asyncio
import gc
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from ..background import InOrder

#: Larger requests are converted on a thread.
MAX_INLINE_BYTES = 262_144

T = TypeVar("T")


class Conversion:
    """Converts small requests where they are, and large ones on a thread, one at a time.

    What one takes of memory is many times its bytes, and of two neither would be the faster.
    """

    def __init__(self) -> None:
        self._works = InOrder("convert")

    async def run(self, convert: Callable[[], T], *, size_bytes: int) -> T:
        """What *convert* makes of, or for, a request of *size_bytes*."""
        if size_bytes <= MAX_INLINE_BYTES:
            return convert()
        return await asyncio.wrap_future(self._works.submit(partial(_without_collection, convert)))


def _without_collection(convert: Callable[[], T]) -> T:
    """What *convert* makes: millions of objects, and no cycle among them to look for."""
    gc.disable()
    try:
        return convert()
    finally:
        gc.enable()
