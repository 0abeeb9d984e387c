"""SIGKILL, at whatever a server does: the next one on the same cache answers as if nothing had happened."""

import contextlib
import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest
from artifacts.faults import with_reply
from fake_gcs import FakeGCS, fake_gcs, well
from numpy.testing import assert_allclose

from .estimators import Trained
from .servers import Server, running
from .waiting import WaitingClassifier

BALLAST = bytes(range(256)) * 8000

Start = Callable[..., contextlib.AbstractContextManager[Server]]


@pytest.fixture
def model(trained: dict[str, Trained]) -> Trained:
    """Loads when ``GATE`` opens."""
    iris = trained["iris"]
    estimator = WaitingClassifier(iris.estimator)
    estimator.ballast_ = BALLAST
    return Trained(estimator, iris.rows, "iris.joblib", iris.dump, iris.config)


@pytest.fixture
def artifact(model: Trained, tmp_path: Path) -> bytes:
    model.publish(tmp_path)
    return (tmp_path / model.file).read_bytes()


@pytest.fixture
def store(artifact: bytes) -> Iterator[FakeGCS]:
    """Stalls in the middle of the artifact at first."""
    with fake_gcs(sending=[with_reply(stall_at=len(artifact) // 2), well]) as store:
        store.put("models/iris/iris.joblib", artifact)
        yield store


@pytest.fixture
def start(store: FakeGCS, model: Trained, tmp_path: Path) -> Start:
    """A server on the one cache folder that may not answer yet; killed on the way out."""
    config = model.publish(tmp_path)
    trusted = [f"{WaitingClassifier.__module__}.WaitingClassifier"]
    config["model"] = {
        "method": "GCS",
        "projectName": "acme",
        "bucketName": "models",
        "blobDir": "iris",
        "trustedTypes": trusted,
    }

    def started(gate: Path = Path(os.devnull)) -> contextlib.AbstractContextManager[Server]:
        environment = {
            "GATE": str(gate),
            # The class is found where this test found it.
            "PYTHONPATH": str(Path(__file__).parents[1]),
            "STORAGE_EMULATOR_HOST": store.address,
        }
        return running(config, tmp_path, environment=environment)

    return started


def test_a_server_that_is_killed_loses_nothing(
    start: Start, store: FakeGCS, model: Trained, artifact: bytes, tmp_path: Path
) -> None:
    cache, gate = tmp_path / "cache", tmp_path / "gate"
    os.mkfifo(gate)

    with start() as server:
        server.until(lambda: size_bytes(cache / "partial") == len(artifact) // 2)
    with start(gate) as server, opened_for(server, gate):
        downloaded_bytes = store.sent_bytes
    with start() as server:
        server.until(server.is_ready)
        answered = asked_until_killed(server, model)
    with start() as server:
        server.until(server.is_ready)
        answers(server, model)
        told = server.client.get("/health").json()["models"]

    [kept] = (cache / "sha256").iterdir()
    assert downloaded_bytes == len(artifact), "no byte is sent twice"
    assert answered > 0
    assert kept.name == told[0]["sha256"] == hashlib.sha256(artifact).hexdigest()
    assert store.sent_bytes == len(artifact), "what is in the cache is not sent again"
    assert list((cache / "partial").iterdir()) == []


@pytest.mark.parametrize("spoil", [lambda whole: whole[: len(whole) // 2], lambda whole: b"\0" * len(whole)])
def test_a_file_that_a_machine_has_lost_half_of_is_not_used(
    start: Start, store: FakeGCS, model: Trained, artifact: bytes, tmp_path: Path, spoil: Callable[[bytes], bytes]
) -> None:
    store.sending = [well]
    with start() as server:
        server.until(server.is_ready)
    [kept] = (tmp_path / "cache" / "sha256").iterdir()
    kept.chmod(0o600)
    kept.write_bytes(spoil(artifact))

    with start() as server:
        server.until(server.is_ready)
        answers(server, model)

    assert kept.read_bytes() == artifact
    assert len(store.of("send")) == 2


def size_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir()) if folder.is_dir() else 0


@contextlib.contextmanager
def opened_for(server: Server, gate: Path) -> Iterator[None]:
    """Once *server* waits at this pipe: as long as it is open, nothing comes."""
    ends: list[int] = []

    def is_waited_at() -> bool:
        with contextlib.suppress(OSError):
            ends.append(os.open(gate, os.O_WRONLY | os.O_NONBLOCK))
        return bool(ends)

    server.until(is_waited_at)
    try:
        yield
        server.process.kill()
        server.process.wait()
    finally:
        os.close(ends[0])


def answers(server: Server, model: Trained) -> None:
    response = server.client.post("/predict", json=model.bodies()["rows"])
    assert_allclose(response.json()["probabilities"], model.estimator.predict_proba(model.rows), rtol=1e-12)


def asked_until_killed(server: Server, model: Trained) -> int:
    """How many answers came, all of them right, before the server was killed while it was asked."""
    count = 0
    enough = threading.Event()

    def ask() -> None:
        nonlocal count
        with contextlib.suppress(httpx2.TransportError):
            while True:
                answers(server, model)
                count += 1
                if count == 20:
                    enough.set()

    asking = threading.Thread(target=ask)
    asking.start()
    enough.wait(30)
    server.process.kill()
    asking.join(30)
    return count
