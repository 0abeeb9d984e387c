"""How much a model is asked at once, how much may wait for it, and for how long."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds the work of one model.

    Attributes
    ----------
    max_rows : int
        Of requests that are asked together; a request of more is asked alone, and 1 asks each alone.
    max_wait_s : float
        How long a request may wait for others while the model is idle.
    queue_rows, queue_bytes : int
        Of all requests that have no answer yet; one that finds none before it is always taken.
    request_timeout_s : float
        The longest that a request may wait for its answer.
    hang_s : float
        A call of the model that takes longer is taken for one that never ends.
    """

    max_rows: int = 1024
    max_wait_s: float = 0.0
    queue_rows: int = 100_000
    queue_bytes: int = 2**28
    request_timeout_s: float = 30.0
    hang_s: float = 60.0
