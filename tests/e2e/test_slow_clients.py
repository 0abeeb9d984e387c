"""Clients that hold connections open, send slowly or send too much, beside others that are served as ever."""

import contextlib
import json
import socket
import threading
import time
from pathlib import Path

import pytest

from .estimators import Trained
from .servers import Server, running

Servers = dict[str, Server]

LIMIT = 8_388_608
GOOD = json.dumps({"instances": [[5.1, 3.5, 1.4, 0.2]]}).encode()
PATHS = {
    "/predict": lambda answer: answer["error"]["code"],
    "/v1/models/iris:predict": lambda answer: answer["error"],
    "/v2/models/iris/infer": lambda answer: answer["error"],
    "/api/v1.0/predictions": lambda answer: answer["status"]["reason"],
}


def peak_bytes(server: Server) -> int:
    """The most memory that the server's process has held so far."""
    lines = Path(f"/proc/{server.process.pid}/status").read_text().splitlines()
    [peak] = [line.split()[1] for line in lines if line.startswith("VmHWM")]
    return int(peak) * 1024


def connect(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=30)


def test_probes_and_predictions_are_answered_beside_500_idle_connections(servers: Servers) -> None:
    server = servers["iris"]
    starts = [
        b"",
        b"G",
        b"POST /predict HTTP/1.1\r\nHost: a\r\n",
        b"POST /predict HTTP/1.1\r\nContent-Length: 9\r\n\r\n{",
    ]
    with contextlib.ExitStack() as stack:
        for number in range(500):
            stack.enter_context(connect(server)).sendall(starts[number % len(starts)])

        for _ in range(20):
            began = time.monotonic()
            statuses = [server.client.get(path).status_code for path in ("/livez", "/readyz")]
            statuses.append(server.client.post("/predict", content=GOOD).status_code)

            assert statuses == [200, 200, 200]
            assert time.monotonic() - began < 3


@pytest.mark.parametrize("path", PATHS)
def test_a_body_that_is_announced_as_too_large_is_refused_before_it_comes(servers: Servers, path: str) -> None:
    server = servers["iris"]
    before = peak_bytes(server)
    head = b"POST %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
    with connect(server) as connection:
        connection.sendall(head % (path.encode(), LIMIT + 1))
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))

    assert answer.startswith(b"HTTP/1.1 413 ")
    message = PATHS[path](json.loads(answer.partition(b"\r\n\r\n")[2]))
    assert message == "PayloadTooLarge" or "larger than 8.4 MB" in message
    assert peak_bytes(server) - before < LIMIT / 4


def test_a_body_that_grows_too_large_is_refused_and_the_connection_goes_on(servers: Servers) -> None:
    server = servers["iris"]
    before = peak_bytes(server)
    chunk = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
    with connect(server) as connection:
        connection.sendall(b"POST /predict HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(20):
            connection.sendall(chunk)
        connection.sendall(b"0\r\n\r\n")
        last = b"POST /predict HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
        connection.sendall(last % len(GOOD) + GOOD)
        answers = b"".join(iter(lambda: connection.recv(65_536), b""))

    assert answers.count(b"HTTP/1.1 413 ") == 1
    assert answers.count(b"HTTP/1.1 200 ") == 1
    assert peak_bytes(server) - before < 2.5 * LIMIT


def test_a_client_that_sends_all_before_it_reads_sees_the_refusal(servers: Servers) -> None:
    answer = servers["iris"].client.post("/predict", content=b" " * (LIMIT + 1))

    assert answer.status_code == 413


def test_probes_are_answered_while_large_bodies_are_decoded(trained: dict[str, Trained], tmp_path: Path) -> None:
    row = b"[5.1,3.5,1.4,0.2],"
    large = b'{"instances":[' + (row * (8_000_000 // len(row)))[:-1] + b"]}"
    config = trained["iris"].publish(tmp_path) | {"limits": {"queueRows": 10_000_000}}
    with running(config, tmp_path) as server:
        server.until(server.is_ready)
        answered: list[int] = []
        senders = [
            threading.Thread(target=lambda: answered.append(server.client.post("/predict", content=large).status_code))
            for _ in range(3)
        ]
        for sender in senders:
            sender.start()
        waits = []
        while any(sender.is_alive() for sender in senders):
            began = time.monotonic()
            assert server.client.get("/livez").status_code == 200
            waits.append(time.monotonic() - began)
        for sender in senders:
            sender.join()

    assert answered == [200, 200, 200]
    # The kubelet's patience, by the chart's values.
    assert max(waits) < 3
