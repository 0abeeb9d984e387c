"""Seven models, trained once, and one server process for each, for the whole session."""

import contextlib
from collections.abc import Iterator

import pytest

from .estimators import Trained, train
from .servers import Server, running


@pytest.fixture(scope="session")
def trained() -> dict[str, Trained]:
    return train()


@pytest.fixture(scope="session")
def servers(trained: dict[str, Trained], tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Server]]:
    """A ready server for each of *trained*; not to be stopped by a test."""
    with contextlib.ExitStack() as stack:
        started = {}
        for name, model in trained.items():
            folder = tmp_path_factory.mktemp(name)
            started[name] = stack.enter_context(running(model.publish(folder), folder))
        for server in started.values():
            server.until(server.is_ready)
        yield started
