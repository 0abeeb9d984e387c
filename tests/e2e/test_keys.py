"""API keys at a real server: who is let in, what the others hear, and keys that change under load."""

import hashlib
import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from mounted import Secret

from .estimators import Trained
from .servers import Server, running

BODY = {"instances": [[5.1, 3.5, 1.4, 0.2]]}
PREDICT = "/v1/models/iris:predict"


@pytest.fixture(scope="module")
def secret(tmp_path_factory: pytest.TempPathFactory) -> Secret:
    return Secret(tmp_path_factory.mktemp("secret") / "api-keys")


@pytest.fixture(scope="module")
def guarded(trained: dict[str, Trained], secret: Secret, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A ready server that asks for a key: `first-key`, or `root-key` for administration."""
    folder = tmp_path_factory.mktemp("guarded")
    secret.write(key1="first-key", admin="root-key")
    environment = {"API_KEYS_DIR": str(secret.folder)}
    with running(trained["iris"].publish(folder), folder, environment=environment) as server:
        server.until(server.is_ready)
        yield server


def peak_bytes(server: Server) -> int:
    """The most memory that the server's process has held so far."""
    [line] = [line for line in Path(f"/proc/{server.process.pid}/status").read_text().splitlines() if "VmHWM" in line]
    return int(line.split()[1]) * 1024


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/health", "/metrics", "/docs", "/openapi.json"])
def test_probes_metrics_and_docs_ask_for_no_key(guarded: Server, path: str) -> None:
    assert guarded.client.get(path).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/predict"),
        ("POST", "/v1/predict"),
        ("POST", PREDICT),
        ("GET", PREDICT),
        ("POST", "/v1/models/tulip:predict"),
        ("GET", "/v1/models"),
        ("GET", "/v1/models/iris"),
        ("GET", "/v1/models/iris/passport"),
        ("GET", "/nothing"),
        ("GET", "//livez"),
        ("GET", "/livez%0a"),
        ("GET", "/livez/x"),
        ("OPTIONS", "/predict"),
        ("POST", "/v1/models/iris/load"),
    ],
)
def test_all_else_does(guarded: Server, method: str, path: str) -> None:
    answer = guarded.client.request(method, f"{guarded.url}{path}")

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "send Authorization: Bearer KEY, or x-api-key: KEY" in answer.text


def test_each_dialect_refuses_by_its_own_book(guarded: Server) -> None:
    native, v1 = (guarded.client.post(path, json=BODY).json() for path in ("/predict", PREDICT))

    assert native["error"]["code"] == "Unauthenticated"
    assert v1 == {"error": native["error"]["message"]}


def test_a_key_for_predictions_does_not_administrate(guarded: Server) -> None:
    answer = guarded.client.post("/v1/models/iris/load", headers={"x-api-key": "first-key"})

    assert answer.status_code == 403
    assert "for predictions, not for administration" in answer.json()["error"]


def test_a_refusal_needs_no_body_and_the_next_request_is_answered(guarded: Server) -> None:
    before = peak_bytes(guarded)
    large = 20_000_000
    good = json.dumps(BODY).encode()
    with socket.create_connection(("127.0.0.1", guarded.port), timeout=30) as connection:
        connection.sendall(b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % large)
        connection.sendall(b" " * large)
        head = b"POST /predict HTTP/1.1\r\nHost: a\r\nx-api-key: first-key\r\nConnection: close\r\n"
        connection.sendall(head + b"Content-Length: %d\r\n\r\n" % len(good) + good)

        answers = b"".join(iter(lambda: connection.recv(65_536), b""))

    assert answers.count(b"HTTP/1.1 401 ") == 1
    assert answers.count(b"HTTP/1.1 200 ") == 1
    assert peak_bytes(guarded) - before < large / 2


def test_keys_rotate_under_load_without_a_wrong_401(guarded: Server, secret: Secret) -> None:
    rotations = 25
    valid = ["first-key"]
    over = threading.Event()
    wrong: list[str] = []
    answered = [0] * 4

    def ask(client: int) -> None:
        with httpx2.Client(base_url=guarded.url, timeout=30, trust_env=False) as http:
            while not over.is_set():
                key = valid[0]
                answer = http.post(PREDICT, json=BODY, headers={"Authorization": f"Bearer {key}"})
                answered[client] += 1
                # A key that was taken back while it was on its way may be refused.
                if answer.status_code != 200 and valid[0] == key:
                    wrong.append(f"{key}: {answer.status_code} {answer.text}")

    clients = [threading.Thread(target=ask, args=(client,)) for client in range(len(answered))]
    for client in clients:
        client.start()
    for rotation in range(rotations):
        old, new = valid[0], f"key-{rotation}"
        secret.write(key1=old, key2=new, admin="root-key")
        valid[0] = new
        asked = list(answered)
        guarded.until(lambda asked=asked: all(now > before + 1 for now, before in zip(answered, asked, strict=True)))
        secret.write(key2=new, admin="root-key")
    over.set()
    for client in clients:
        client.join()

    assert wrong == []
    deadline = time.monotonic() + 2
    while guarded.client.post(PREDICT, json=BODY, headers={"x-api-key": "key-23"}).status_code != 401:
        assert time.monotonic() < deadline
    secret.write(key1="first-key", admin="root-key")


def test_neither_log_nor_metrics_tell_a_key(guarded: Server) -> None:
    for key in ("first-key", "guessed-key"):
        guarded.client.post("/predict", json=BODY, headers={"x-api-key": key})

    log, metrics = guarded.log.read_text(), guarded.client.get("/metrics").text

    key_id = hashlib.sha256(b"first-key").hexdigest()[:8]
    assert f" key_id={key_id} " in log
    assert f'model_serving_key_requests_total{{key_id="{key_id}"}}' in metrics
    assert 'model_serving_rejected_total{reason="Unauthenticated"}' in metrics
    assert re.search("(first|root|guessed)-key", log + metrics) is None


def test_the_smoke_test_sends_a_key(guarded: Server, secret: Secret, tmp_path: Path) -> None:
    from model_deployment_app.cli.smoke import keys

    found = list(keys({"API_KEYS": "a, b", "ADMIN_API_KEYS": "c"}, secret.folder))

    assert found == ["first-key", "root-key", "a", "b", "c"]
    assert guarded.client.get("/v1/models", headers={"x-api-key": found[0]}).status_code == 200
