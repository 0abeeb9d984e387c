"""Bytes <-> tensors of large requests, beside the event loop, so that probes are answered in between."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from .. import garbage
from ..background import InOrder
from ..errors import DeadlineExceeded

#: Larger requests are converted on a thread.
MAX_INLINE_BYTES = 262_144

T = TypeVar("T")


class Conversion:
    """Converts small requests where they are, and large ones on a thread, one at a time.

    What one takes of memory is many times its bytes, and of two neither would be the faster.

    Parameters
    ----------
    timeout_s : float
        How long one may wait and take.
    """

    def __init__(self, timeout_s: float = 30.0) -> None:
        self._timeout_s = timeout_s
        self._works = InOrder("convert")

    async def run(self, convert: Callable[[], T], *, size_bytes: int, timeout_s: float | None = None) -> T:
        """What *convert* makes of, or for, a request of *size_bytes*, which is worth waiting for so long.

        Raises
        ------
        DeadlineExceeded
            If it takes longer, whatever others before it take included.
        """
        if size_bytes <= MAX_INLINE_BYTES:
            return convert()
        longest_s = self._timeout_s if timeout_s is None else min(timeout_s, self._timeout_s)
        converting = asyncio.wrap_future(self._works.submit(garbage.ignored()(convert)))
        try:
            return await asyncio.wait_for(converting, longest_s)
        except TimeoutError:
            raise DeadlineExceeded.after(longest_s) from None
