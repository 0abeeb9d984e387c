"""Whatever a client sends, the server answers in JSON, blames nobody else, and serves the next one as before."""

import gzip
import json
import re
import socket
from collections.abc import Callable
from contextlib import closing
from http.client import HTTPConnection
from random import Random
from typing import Any

import pytest
from numpy.testing import assert_allclose

from .estimators import Trained
from .malformed import bodies
from .raw_bytes import raw_bodies
from .servers import Server

SEED = 20261121
PATHS = {
    "native": "/predict",
    "v1": "/v1/models/{name}:predict",
    "v2": "/v2/models/{name}/infer",
    "seldon": "/api/v1.0/predictions",
}
CASES = [(name, dialect) for name in ("iris", "people", "texts", "images") for dialect in PATHS]
FORMS = {"iris": "rows", "images": "rows", "people": "records", "texts": "text"}

#: What only our side knows: files, lines, addresses of objects, names of Python's errors.
PRIVATE = re.compile(r'Traceback|File "|/site-packages/|/usr/|/tmp/|\.py\b|object at 0x|\b[A-Z][A-Za-z]*Error:')

Servers = dict[str, Server]
Models = dict[str, Trained]


def numbers_check(server: Server, model: Trained) -> Callable[[], None]:
    """A check that asks the rows of *model*: their answer must be that of the process here."""
    request = json.dumps(model.bodies()[FORMS[model.config["name"]]])
    is_classifier = model.config["job"] == "classification"
    expected = (model.estimator.predict_proba if is_classifier else model.estimator.predict)(model.rows)

    def check() -> None:
        response = server.client.post("/predict", content=request)
        assert response.status_code == 200, response.text
        assert_allclose(response.json()["probabilities" if is_classifier else "predictions"], expected, rtol=1e-12)

    return check


def check_numbers(server: Server, model: Trained) -> None:
    numbers_check(server, model)()


def post(connection: HTTPConnection, path: str, body: bytes, headers: dict[str, Any]) -> tuple[int, str]:
    """The status, and the body or the JSON before raw bytes; a plain client, for tens of thousands of requests."""
    connection.request("POST", path, body, headers)
    response = connection.getresponse()
    content, length = response.read(), response.getheader("Inference-Header-Content-Length")
    return response.status, content[: None if length is None else int(length)].decode()


def complaint(status: int, text: str) -> str | None:
    """What is wrong with an answer to a bad request, if anything is."""
    if not (status == 200 or 400 <= status < 500):
        return f"status {status}: {text[:200]}"
    try:
        answer = json.loads(text, parse_constant=lambda constant: constant + 1)
    except (ValueError, TypeError):
        return f"not JSON: {text[:200]}"
    if status == 200:
        is_answer = set(answer) & {"predictions", "labels", "outputs", "data"}
        return None if is_answer else f"an answer without one: {text[:200]}"
    if not set(answer) & {"error", "status"}:
        return f"no error in {text[:200]}"
    return f"private: {text[:300]}" if PRIVATE.search(text) else None


@pytest.mark.parametrize(("name", "dialect"), CASES)
def test_no_body_is_the_servers_fault(servers: Servers, trained: Models, name: str, dialect: str) -> None:
    server, path = servers[name], PATHS[dialect].format(name=name)
    check = numbers_check(server, trained[name])
    complaints, sent = [], 0

    with closing(HTTPConnection("127.0.0.1", server.port, timeout=30)) as connection:
        for label, body in bodies(SEED, dialect):
            sent += 1
            answer = post(connection, path, body, {"Content-Type": "application/json"})
            if (fault := complaint(*answer)) is not None:
                complaints.append(f"{label}: {fault}")
            if sent % 20 == 0:
                check()

    assert complaints == []
    assert sent > 300
    check()
    assert "Traceback" not in server.log.read_text()


@pytest.mark.parametrize("name", ["iris", "people", "texts", "images"])
def test_no_raw_bytes_are_the_servers_fault(servers: Servers, trained: Models, name: str) -> None:
    server, path = servers[name], PATHS["v2"].format(name=name)
    complaints, sent = [], 0

    with closing(HTTPConnection("127.0.0.1", server.port, timeout=30)) as connection:
        for label, length, body in raw_bodies(SEED):
            sent += 1
            answer = post(connection, path, body, {"Inference-Header-Content-Length": length})
            if (fault := complaint(*answer)) is not None:
                complaints.append(f"{label}: {fault}")

    assert complaints == []
    assert sent > 300
    check_numbers(server, trained[name])
    assert "Traceback" not in server.log.read_text()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/predict", {"k" * 10_000: []}),
        ("/predict", {"columns": {"k" * 10_000: [1], "age": [1]}}),
        ("/predict", {"instances": [{"age": 1}, {"k" * 10_000: 1}]}),
        ("/v1/models/people:predict", {"instances": [{"age": 1}, {"age": 1, "k" * 10_000: 1}]}),
        ("/v1/models/" + "n" * 10_000 + ":predict", {"instances": [{"age": 1}]}),
        ("/v2/models/people/infer", {"inputs": [{"name": "k" * 10_000, "shape": [1], "datatype": "k", "data": []}]}),
        ("/v2/models/people/infer", {"inputs": [{"name": "a", "shape": [1], "datatype": "k" * 10_000, "data": []}]}),
    ],
    ids=["key", "column", "missing-key", "key-too-many", "model", "input", "datatype"],
)
def test_a_long_name_is_not_sent_back_whole(servers: Servers, path: str, body: object) -> None:
    response = servers["people"].client.post(path, json=body)

    assert 400 <= response.status_code < 500
    assert len(response.content) < 2_000


def test_the_same_seed_makes_the_same_bodies() -> None:
    first, second, other = (list(bodies(seed, "native")) for seed in (SEED, SEED, SEED + 1))

    assert first == second
    assert first != other
    assert list(raw_bodies(SEED)) == list(raw_bodies(SEED))


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-16", "🎈", ""]
)
def test_a_content_type_decides_nothing(servers: Servers, trained: Models, content_type: str) -> None:
    body = trained["iris"].bodies()["rows"]

    response = servers["iris"].client.post(
        "/predict", content=json.dumps(body), headers={b"Content-Type": content_type.encode()}
    )

    assert response.status_code == 200, response.text


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "br", "deflate", "gzip, identity", "nonsense"])
@pytest.mark.parametrize("path", PATHS.values())
def test_a_compressed_body_is_refused_with_415(servers: Servers, path: str, encoding: str) -> None:
    response = servers["iris"].client.post(
        path.format(name="iris"),
        content=gzip.compress(b'{"instances": [[1, 2, 3, 4]]}'),
        headers={"Content-Encoding": encoding},
    )

    assert response.status_code == 415
    assert complaint(response.status_code, response.text) is None


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"])
@pytest.mark.parametrize("path", [*PATHS.values(), "/v1/predict"])
def test_another_method_is_refused_with_405_and_told_which(servers: Servers, path: str, method: str) -> None:
    response = servers["iris"].client.request(method, path.format(name="iris"))

    assert response.status_code == 405
    assert response.headers["allow"] == "POST"
    assert complaint(response.status_code, response.text) is None


def test_head_is_answered_without_a_body(servers: Servers, trained: Models) -> None:
    response = servers["iris"].client.head("/predict")

    assert response.status_code == 405
    assert response.content == b""
    check_numbers(servers["iris"], trained["iris"])


def exchange(server: Server, request: bytes) -> bytes:
    """Send bytes over a connection of their own; what came back until the server closed, or paused for a second."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        try:
            while chunk := connection.recv(65_536):
                answer += chunk
        except (TimeoutError, ConnectionResetError):
            pass
    return answer


NAMES = {
    "another": b"tulip",
    "none": b"",
    "dots": b"..",
    "encoded slash": b"..%2f..%2fetc%2fpasswd",
    "slash": b"../../etc/passwd",
    "encoded NUL": b"iris%00",
    "raw NUL": b"iris\x00",
    "8 kB": b"n" * 8192,
    "60 kB": b"n" * 60_000,
    "emoji": "🎈".encode(),
    "encoded emoji": b"%F0%9F%8E%88",
    "bad UTF-8": b"%ff%fe",
    "encoded CRLF": b"iris%0d%0aX-Injected:%201",
    "CRLF": b"iris\r\nX-Injected: 1",
    "capitals": b"IRIS",
    "blank": b"iris%20",
    "half an escape": b"iris%",
    "quotes": b"%22%3E%3Cscript%3E",
    "verb twice": b"iris:predict",
    "query in the name": b"iris%3Fa",
}


@pytest.mark.parametrize("name", NAMES)
def test_a_model_name_is_looked_up_and_nothing_else(servers: Servers, trained: Models, name: str) -> None:
    body = b'{"instances": [[1, 2, 3, 4]]}'
    head = b"POST /v1/models/%s:predict HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"

    answer = exchange(servers["iris"], head % (NAMES[name], len(body)) + body)

    assert re.match(rb"HTTP/1\.1 4\d\d ", answer), answer[:200]
    assert b"X-Injected" not in answer.partition(b"\r\n\r\n")[0]
    assert PRIVATE.search(answer.decode()) is None
    check_numbers(servers["iris"], trained["iris"])


GARBAGE = {
    "nothing": b"",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)),
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/0.9": b"GET /\r\n",
    "another protocol": b"EHLO mail\r\n\r\n",
    "noise": Random(SEED).randbytes(100_000),
    "a request without end": b"POST /predict HTTP/1.1\r\nHost: a\r\nX: ",
    "a body cut short": b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n{",
    "a negative length": b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n{}",
    "two lengths": b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
    "length and chunks": (
        b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    ),
    "a bad chunk": b"POST /predict HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    "a huge header": b"GET /livez HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 1_000_000 + b"\r\n\r\n",
    "many headers": b"GET /livez HTTP/1.1\r\nHost: a\r\n" + b"X: 1\r\n" * 5_000 + b"\r\n",
    "a header without name": b"GET /livez HTTP/1.1\r\n: a\r\n\r\n",
    "an upgrade": b"GET /predict HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    "a websocket": (
        b"GET /predict HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ),
    "an absolute address": b"POST http://elsewhere/predict HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}",
    "connect": b"CONNECT elsewhere:443 HTTP/1.1\r\nHost: elsewhere:443\r\n\r\n",
}


@pytest.mark.parametrize("garbage", GARBAGE)
def test_garbage_on_a_socket_does_not_hurt_the_next_client(servers: Servers, trained: Models, garbage: str) -> None:
    answer = exchange(servers["iris"], GARBAGE[garbage])

    assert re.match(rb"HTTP/1\.1 5\d\d ", answer) is None
    assert PRIVATE.search(answer.decode(errors="replace")) is None
    check_numbers(servers["iris"], trained["iris"])


def test_a_client_that_leaves_in_the_middle_is_no_fault_in_the_log(servers: Servers, trained: Models) -> None:
    request = b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n{"

    for _ in range(20):
        with socket.create_connection(("127.0.0.1", servers["iris"].port), timeout=5) as connection:
            connection.sendall(request)

    check_numbers(servers["iris"], trained["iris"])
    assert "Traceback" not in servers["iris"].log.read_text()
