"""When Python looks for garbage: a tenth of a second for what a server holds, and it finds none there."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def ignored() -> Iterator[None]:
    """Look for none meanwhile: what is made is large, and no cycle among it is garbage."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def settle() -> None:
    """Look for some once, and leave alone what is there now from then on."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()
