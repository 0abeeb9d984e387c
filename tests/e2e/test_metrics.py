"""What Prometheus scrapes from a real server, whatever its clients send."""

import random
import socket
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from .estimators import Trained
from .servers import Server, running

KEY = "right"
METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "PURGE", "PROPFIND", "LOCK", "TRACE")
N_REQUESTS = 10_000
PIPELINED = 250


@pytest.fixture(scope="module")
def server(trained: dict[str, Trained], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("metrics")
    config = trained["iris"].publish(folder) | {"logLevel": "error"}
    with running(config, folder, environment={"API_KEYS": KEY}) as started:
        started.until(started.is_ready)
        yield started


def series(server: Server) -> set[tuple[str, frozenset[tuple[str, str]]]]:
    families = text_string_to_metric_families(server.client.get("/metrics").text)
    return {(each.name, frozenset(each.labels.items())) for family in families for each in family.samples}


def hostile(chance: random.Random) -> bytes:
    """A request of words that no other has."""
    word = f"{chance.getrandbits(64):x}%0a%1b%22{{}}"
    path = chance.choice(
        [
            f"/v1/models/{word}:predict",
            f"/v1/models/iris/{word}:predict",
            f"/v2/models/iris/versions/{word}/infer",
            f"/{word}",
            f"/predict?{word}",
            "/predict",
            f"/v1/models/{word}",
        ]
    )
    key = KEY if chance.random() < 0.7 else word
    body = b'{"instances": [[1, 2]]}'
    head = f"""{chance.choice(METHODS)} {path} HTTP/1.1
host: {word}
x-api-key: {key}
traceparent: {word}
content-length: {len(body)}

"""
    return head.replace("\n", "\r\n").encode() + body


def send(server: Server, requests: list[bytes]) -> int:
    """All of them at once on one connection; how many the server has answered."""
    answers = b""
    last = requests[-1].replace(b"host:", b"connection: close\r\nhost:", 1)
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(b"".join([*requests[:-1], last]))
        while received := connection.recv(1 << 16):
            answers += received
    return answers.count(b"HTTP/1.1 ")


def test_no_client_can_make_a_series(server: Server) -> None:
    chance = random.Random(6)
    send(server, [hostile(chance) for _ in range(1000)])
    before = series(server)

    answered = [send(server, [hostile(chance) for _ in range(PIPELINED)]) for _ in range(N_REQUESTS // PIPELINED)]
    for _ in range(50):
        # No method at all: the connection is closed.
        send(server, [f"M{chance.getrandbits(32)} / HTTP/1.1\r\nhost: x\r\n\r\n".encode()])

    assert sum(answered) == N_REQUESTS
    assert series(server) == before
    labels = {label for _, each in before for label in each}
    assert {value for name, value in labels if name == "model"} == {"iris", "-"}
    assert {value for name, value in labels if name == "code"} <= {"200", "401", "404", "405", "422"}
    assert {value for name, value in labels if name == "reason"} <= {
        "InvalidTensor",
        "MethodNotAllowed",
        "ModelNotFound",
        "Unauthenticated",
    }


def test_metrics_are_scraped_without_a_key_and_by_head(server: Server) -> None:
    got, head = server.client.get("/metrics"), server.client.head("/metrics")

    assert got.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert (head.status_code, head.headers["content-type"], head.content) == (200, got.headers["content-type"], b"")


def test_the_artifact_and_its_load_are_told(server: Server) -> None:
    ready = server.client.get("/readyz").json()["models"][0]

    names = {(name, dict(labels).get("sha256")) for name, labels in series(server)}
    phases = {dict(labels)["phase"] for name, labels in series(server) if name == "model_serving_model_load_seconds"}
    assert ("model_serving_artifact_info", ready["sha256"]) in names
    assert {"download", "unpickle", "warm-up"} <= phases


def test_a_client_that_goes_is_counted_once(server: Server) -> None:
    head = f"POST /predict HTTP/1.1\r\nhost: x\r\nx-api-key: {KEY}\r\ncontent-length: 100\r\n\r\n".encode()

    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(head + b'{"instances"')
    counted = 'code="499",model="iris",protocol="native"'
    server.until(lambda: counted in server.client.get("/metrics").text)

    [line] = [line for line in server.client.get("/metrics").text.splitlines() if counted in line]
    assert line.endswith(" 1.0")
