"""One request on its way to the model, and which others it can be asked with."""

import asyncio
import sys
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from ..tensors import Tensors, n_rows


@dataclass(slots=True, eq=False)
class Request:
    """Checked inputs, and who waits for their answer.

    Attributes
    ----------
    inputs : dict of str to ndarray
        As `Signature.check` returns them.
    outputs : collection of str
        Names of the outputs that are wanted.
    future : Future
        Gets the answer; it is done before that if the client has gone or the deadline has passed.
    deadline, arrived : float
        Of `time.monotonic`.
    timeout_s : float
        From when it came to the deadline.
    rows, size_bytes : int
    """

    inputs: Tensors
    outputs: Collection[str]
    future: asyncio.Future[Tensors]
    deadline: float
    timeout_s: float
    arrived: float = field(default_factory=time.monotonic)
    rows: int = field(init=False)
    size_bytes: int = field(init=False)

    def __post_init__(self) -> None:
        self.rows = n_rows(self.inputs)
        self.size_bytes = 0
        for array in self.inputs.values():
            self.size_bytes += array.nbytes
            if array.dtype.hasobject:
                self.size_bytes += sum(map(sys.getsizeof, array.flat))

    def is_wanted(self) -> bool:
        """Whether somebody still waits."""
        return not self.future.done() and time.monotonic() < self.deadline

    def form(self) -> tuple[object, ...]:
        """Equal for requests that the model sees the same way together and alone."""
        forms = ((name, array.dtype, array.shape[1:]) for name, array in self.inputs.items())
        return (*self.outputs, *forms)


def grouped(requests: list[Request], *, max_rows: int) -> Iterator[list[Request]]:
    """Part *requests* into those that can be asked together, each of up to *max_rows* rows, or of one request."""
    if len(requests) == 1:
        yield requests
        return
    by_form: dict[tuple[object, ...], list[Request]] = {}
    for request in requests:
        by_form.setdefault(request.form(), []).append(request)
    for alike in by_form.values():
        group: list[Request] = []
        rows = 0
        for request in alike:
            if group and rows + request.rows > max_rows:
                yield group
                group, rows = [], 0
            group.append(request)
            rows += request.rows
        yield group
