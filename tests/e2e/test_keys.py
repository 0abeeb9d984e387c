"""API keys at a real server: rotation under load, raw sockets, and where a key must not be found."""

import contextlib
import re
import secrets
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx2
import joblib
import pytest
from mounted_secret import Secret
from sklearn.linear_model import LinearRegression

from .servers import Server, running

ROTATIONS = 20
CLIENTS = 4
BODY = b'{"instances": [[1, 2]]}'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys")


@pytest.fixture(scope="module")
def secret(folder: Path) -> Secret:
    secret = Secret(folder / "api-keys")
    secret.put({"key1": "key-0"})
    return secret


@pytest.fixture(scope="module")
def fixed() -> str:
    return secrets.token_hex(32)


@pytest.fixture(scope="module")
def server(folder: Path, secret: Secret, fixed: str) -> Iterator[Server]:
    joblib.dump(LinearRegression().fit([[1, 0], [0, 1]], [1, 1]), folder / "model.joblib")
    config = {
        "name": "sum",
        "modelType": "joblib",
        "job": "regression",
        "logLevel": "debug",
        "model": {"method": "LOCAL", "path": str(folder / "model.joblib")},
    }
    environment = {"API_KEYS": fixed, "API_KEYS_DIR": str(secret.folder), "TERMINATION_LOG": str(folder / "end")}
    (folder / "end").touch()
    with running(config, folder, environment=environment) as server:
        server.until(server.is_ready)
        yield server


def predict(client: httpx2.Client, key: str) -> int:
    return client.post("/predict", content=BODY, headers={"Authorization": f"Bearer {key}"}).status_code


class Clients:
    """Threads that ask all the time, each with one of the keys that are valid.

    Attributes
    ----------
    statuses : list of int
        All that they got.
    """

    def __init__(self, server: Server, valid: Sequence[str]) -> None:
        self.statuses: list[int] = []
        self._valid = valid
        self._server = server
        self._ended = threading.Event()
        self._used: dict[int, str] = {}
        self._threads = [threading.Thread(target=self._ask, args=(number,)) for number in range(CLIENTS)]

    def __enter__(self) -> "Clients":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def use(self, *valid: str) -> None:
        """Go on with these keys; nobody waits for an answer to others once this has returned."""
        self._valid = valid
        self._server.until(lambda: all(self._used.get(n) == valid[n % len(valid)] for n in range(CLIENTS)))

    def _ask(self, number: int) -> None:
        with httpx2.Client(base_url=self._server.url, timeout=30, trust_env=False) as client:
            while not self._ended.is_set():
                valid = self._valid
                self._used[number] = key = valid[number % len(valid)]
                self.statuses.append(predict(client, key))


def test_a_rotation_under_load_refuses_nobody_who_has_a_key(server: Server, secret: Secret) -> None:
    late_s = []

    with Clients(server, ["key-0"]) as clients, httpx2.Client(base_url=server.url, trust_env=False) as client:
        for number in range(ROTATIONS):
            old, new = f"key-{number}", f"key-{number + 1}"
            secret.put({"old": old, "new": new})
            clients.use(old, new)
            clients.use(new)
            secret.put({"new": new})
            removed = time.monotonic()
            server.until(lambda key=old: predict(client, key) == 401, within_s=2)
            late_s.append(time.monotonic() - removed)

    assert set(clients.statuses) == {200}
    assert len(clients.statuses) > 2 * ROTATIONS * CLIENTS
    assert max(late_s) < 2


def exchange(server: Server, message: bytes, *, answers: int = 1) -> bytes:
    """What comes back for *message*, until there are so many answers or the connection is closed."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        sender = threading.Thread(target=_send, args=(connection, message))
        sender.start()
        received = b""
        while received.count(b"HTTP/1.1 ") < answers or not received.endswith((b"}", b"\r\n\r\n", b"received.")):
            if not (chunk := connection.recv(65536)):
                break
            received += chunk
        sender.join()
    return received


def _send(connection: socket.socket, message: bytes) -> None:
    # The server may close the connection.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        connection.sendall(message)


def statuses_of(received: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d+) ", received)]


def request(target: str, *headers: str, method: str = "POST", body: bytes = BODY) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: model", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def test_a_refusal_leaves_the_connection_in_order(server: Server, fixed: str) -> None:
    message = request("/predict") + request("/predict", f"X-Api-Key: {fixed}") + request("/v1/models", method="GET")

    received = exchange(server, message, answers=3)

    assert statuses_of(received) == [401, 200, 401]


def resident_kb(server: Server) -> int:
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1])


@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_body_that_nobody_may_send_is_not_kept(server: Server, fixed: str, is_chunked: bool) -> None:
    body = b" " * 20_000_000
    before = resident_kb(server)
    if is_chunked:
        head = "POST /predict HTTP/1.1\r\nHost: model\r\nTransfer-Encoding: chunked\r\n\r\n"
        refused = head.encode() + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    else:
        refused = request("/predict", body=body)

    received = exchange(server, refused + request("/predict", f"X-Api-Key: {fixed}"), answers=2)

    assert statuses_of(received) in ([401], [401, 200])
    assert resident_kb(server) - before < 5_000


def test_a_refusal_does_not_wait_for_the_body(server: Server) -> None:
    head = b"POST /predict HTTP/1.1\r\nHost: model\r\nContent-Length: 1000\r\nExpect: 100-continue\r\n\r\n"

    received = exchange(server, head)

    assert statuses_of(received) == [401]


@pytest.mark.parametrize(
    ("message", "allowed"),
    [
        (request("http://model/livez", method="GET"), [200]),
        (request("http://model/predict"), [401]),
        (request("http://model/livez/../predict"), [401]),
        (request("//livez/predict"), [400, 401]),
        (request("//livez", method="GET"), [400, 401]),
        (request("/predict#/livez"), [401]),
        (request("/predict?/livez"), [401]),
        (request("/livez%2f..%2fpredict"), [401]),
        (request("/predict", "X-Api-Key: " + "k" * 1_000_000), [400, 401, 431]),
        (request("/predict", "X-Api-Key: schl\xfcssel"), [401]),
        (request("/predict", "Authorization:"), [401]),
        (request("*", method="OPTIONS"), [400, 401]),
        (request("model:443", method="CONNECT"), [400, 401]),
        (
            request(
                "/predict",
                "Connection: Upgrade",
                "Upgrade: websocket",
                "Sec-WebSocket-Version: 13",
                "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
                method="GET",
                body=b"",
            ),
            [401],
        ),
    ],
    ids=lambda value: value[:40].decode("latin-1") if isinstance(value, bytes) else None,
)
def test_odd_requests_open_nothing(server: Server, message: bytes, allowed: list[int]) -> None:
    received = exchange(server, message)

    assert statuses_of(received)[0] in allowed
    assert server.answers()


def test_a_key_is_found_nowhere(server: Server, secret: Secret, fixed: str) -> None:
    mounted, wrong = secrets.token_hex(32), secrets.token_hex(32)
    secret.put({"key1": mounted})
    seen = []
    for key in (fixed, mounted, wrong):
        for headers in ({"X-Api-Key": key}, {"Authorization": f"Bearer {key}"}, {"Authorization": key}):
            for path in ("/predict", "/v1/models/rose:predict", "/v2/repository/index", "/nothing"):
                answer = server.client.post(path, content=b"{", headers=headers)
                seen.append(f"{answer.headers} {answer.text}")
    exchange(server, request("/predict", f"X-Api-Key: {fixed}\0"))
    seen.append(server.client.get("/metrics").text)
    seen.append(subprocess.run(["ps", "-ww", "-A", "-o", "args"], capture_output=True, text=True, check=True).stdout)
    seen.append(server.log.read_text())
    seen.append((server.log.parent / "end").read_text())

    assert not [text for text in seen for key in (fixed, mounted, wrong) if key in text]
    assert f"key_id={key_id(mounted)}" in server.log.read_text()
    assert f'key_id="{key_id(fixed)}"' in server.client.get("/metrics").text


def key_id(key: str) -> str:
    return subprocess.run(
        "sha256sum | cut -c1-8", input=key, shell=True, capture_output=True, text=True, check=True
    ).stdout.strip()
