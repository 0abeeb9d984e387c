"""Seven models, trained once, and one server process for each that is asked, for the whole session."""

import contextlib
from collections.abc import Callable, Iterator

import pytest

from .estimators import Trained, train
from .servers import Server, running


class _Servers(dict[str, Server]):
    """Starts a server when it is first asked for."""

    def __init__(self, start: Callable[[str], Server]) -> None:
        super().__init__()
        self._start = start

    def __missing__(self, name: str) -> Server:
        self[name] = server = self._start(name)
        server.until(server.is_ready)
        return server


@pytest.fixture(scope="session")
def trained() -> dict[str, Trained]:
    return train()


@pytest.fixture(scope="session")
def servers(trained: dict[str, Trained], tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Server]]:
    """A ready server for each of *trained*; not to be stopped by a test."""
    with contextlib.ExitStack() as stack:

        def start(name: str) -> Server:
            folder = tmp_path_factory.mktemp(name)
            return stack.enter_context(running(trained[name].publish(folder), folder))

        yield _Servers(start)
