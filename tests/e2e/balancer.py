"""A load balancer as far as a rolling restart needs one: it hands on connections, and learns late who is ready."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Sequence

from .http_client import HttpClient

POLL_S = 0.2


class Balancer:
    """Gives each new connection to the next of those that were ready *lag_s* ago.

    Parameters
    ----------
    ports : sequence of int
        Of the backends, on loopback.
    lag_s : float
    """

    def __init__(self, ports: Sequence[int], *, lag_s: float) -> None:
        self._ports = ports
        self._lag_s = lag_s
        self._ready: set[int] = set()
        self._turns = itertools.count()

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[int]:
        """The port that it listens on."""
        async with asyncio.TaskGroup() as tasks, await asyncio.start_server(self._carry, "127.0.0.1") as listener:
            polls = [tasks.create_task(self._poll(port)) for port in self._ports]
            yield listener.sockets[0].getsockname()[1]
            for poll in polls:
                poll.cancel()

    async def until(self, *, count_ready: int) -> None:
        """Until it takes so many for ready."""
        while len(self._ready) != count_ready:
            await asyncio.sleep(POLL_S)

    async def _poll(self, port: int) -> None:
        while True:
            try:
                answer = await HttpClient(port, keeps=False).ask("GET", "/readyz")
                learn = self._ready.add if answer.status == 200 else self._ready.discard
            except (OSError, EOFError):
                learn = self._ready.discard
            asyncio.get_running_loop().call_later(self._lag_s, learn, port)
            await asyncio.sleep(POLL_S)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            ready = sorted(self._ready)
            if not ready:
                return
            try:
                backend = await asyncio.open_connection("127.0.0.1", ready[next(self._turns) % len(ready)])
            except OSError:
                return
            with contextlib.closing(backend[1]):
                await _either(_pipe(reader, backend[1]), _pipe(backend[0], writer))


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while chunk := await reader.read(65_536):
            writer.write(chunk)
            await writer.drain()


async def _either(*coroutines: object) -> None:
    """Until one of them has ended."""
    tasks = [asyncio.ensure_future(each) for each in coroutines]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
