"""Google Cloud Storage over real HTTP, as strict on generations and ranges as the real one, and faulty on demand."""

import base64
import contextlib
import gzip
import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import google_crc32c

PIECE_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Stored:
    """One generation of one blob."""

    content: bytes
    generation: int
    encoding: str | None = None

    @property
    def crc32c(self) -> str:
        return base64.b64encode(google_crc32c.Checksum(self.content).digest()).decode()

    @property
    def md5(self) -> str:
        return base64.b64encode(hashlib.md5(self.content, usedforsecurity=False).digest()).decode()


@dataclass(slots=True)
class Reply:
    """What is about to be sent; a fault changes it.

    Attributes
    ----------
    headers : list of pairs
        Without a Content-Length the body is sent in chunks.
    cut_at, stall_at : int or None
        Bytes of the body after which the connection ends, or nothing comes any more.
    drip_s, header_drip_s : float
        Pause before each byte of the body, of the headers.
    """

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    cut_at: int | None = None
    stall_at: int | None = None
    drip_s: float = 0.0
    header_drip_s: float = 0.0

    def drop(self, *names: str) -> None:
        lower = [name.lower() for name in names]
        self.headers = [(name, value) for name, value in self.headers if name.lower() not in lower]

    def set(self, name: str, value: str) -> None:
        self.drop(name)
        self.headers.append((name, value))


@dataclass(slots=True)
class Ask:
    """A request, and how many bytes of a body it was answered with."""

    kind: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    sent_bytes: int = 0

    @property
    def range(self) -> str | None:
        return self.headers.get("range")


Fault = Callable[["FakeGCS", Ask, Reply], None]


def well(store: "FakeGCS", ask: Ask, reply: Reply) -> None:
    """No fault."""


@dataclass(slots=True)
class FakeGCS:
    """The store; its faults are taken one for each request of that kind, the last one for all that follow.

    Attributes
    ----------
    describing, listing, sending, granting : sequence of Fault
        For metadata, for lists, for the bytes of blobs and for access tokens.
    asked : list of Ask
    """

    describing: Sequence[Fault] = (well,)
    listing: Sequence[Fault] = (well,)
    sending: Sequence[Fault] = (well,)
    granting: Sequence[Fault] = (well,)
    asked: list[Ask] = field(default_factory=list)
    address: str = ""
    ignores_generations: bool = False
    over: threading.Event = field(default_factory=threading.Event)
    _buckets: dict[str, dict[str, Stored]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def put(self, name: str, content: bytes, *, generation: int = 1, encoding: str | None = None) -> None:
        """Store ``bucket/blob``; a former generation is gone, as without object versioning."""
        bucket, _, blob = name.partition("/")
        self._buckets.setdefault(bucket, {})[blob] = Stored(content, generation, encoding)

    def of(self, kind: str) -> list[Ask]:
        return [ask for ask in self.asked if ask.kind == kind]

    @property
    def sent_bytes(self) -> int:
        return sum(ask.sent_bytes for ask in self.of("send"))

    def answer(self, path: str, headers: dict[str, str]) -> tuple[Ask, Reply]:
        parts = urlsplit(path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        kind, faults, reply = self._route(parts.path, query, headers)
        ask = Ask(kind, path, query, headers)
        with self._lock:
            number = len(self.of(kind))
            self.asked.append(ask)
        faults[min(number, len(faults) - 1)](self, ask, reply)
        return ask, reply

    def _route(self, path: str, query: dict[str, str], headers: dict[str, str]) -> tuple[str, Sequence[Fault], Reply]:
        if path == "/token":
            return "grant", self.granting, _json({"access_token": "token", "expires_in": 3600, "token_type": "Bearer"})
        if match := re.fullmatch(r"/download/storage/v1/b/([^/]+)/o/([^/]+)", path):
            return "send", self.sending, self._media(match[1], unquote(match[2]), query, headers)
        if match := re.fullmatch(r"/storage/v1/b/([^/]+)/o/([^/]+)", path):
            return "describe", self.describing, self._metadata(match[1], unquote(match[2]), query)
        if match := re.fullmatch(r"/storage/v1/b/([^/]+)/o", path):
            return "list", self.listing, self._list(match[1], query.get("prefix", ""))
        return "other", (well,), refusal(400, "invalid", f"no such method: {path}")

    def _found(self, bucket: str, name: str, query: dict[str, str]) -> Stored | Reply:
        if bucket not in self._buckets:
            return refusal(404, "notFound", "The specified bucket does not exist.")
        stored = self._buckets[bucket].get(name)
        given = str(stored.generation) if stored else "0"
        if self.ignores_generations and stored:
            return stored
        if stored is None or query.get("generation", given) != given:
            return refusal(404, "notFound", f"No such object: {bucket}/{name}")
        if query.get("ifGenerationMatch", given) != given:
            return refusal(412, "conditionNotMet", "At least one of the pre-conditions you specified did not hold.")
        return stored

    def _metadata(self, bucket: str, name: str, query: dict[str, str]) -> Reply:
        stored = self._found(bucket, name, query)
        return stored if isinstance(stored, Reply) else _json(_resource(bucket, name, stored))

    def _list(self, bucket: str, prefix: str) -> Reply:
        if bucket not in self._buckets:
            return refusal(404, "notFound", "The specified bucket does not exist.")
        blobs = sorted(self._buckets[bucket].items())
        items = [_resource(bucket, name, stored) for name, stored in blobs if name.startswith(prefix)]
        return _json({"kind": "storage#objects", "items": items})

    def _media(self, bucket: str, name: str, query: dict[str, str], headers: dict[str, str]) -> Reply:
        stored = self._found(bucket, name, query)
        if isinstance(stored, Reply):
            return stored
        body, size = stored.content, len(stored.content)
        reply = Reply(200, [], body)
        reply.headers = [
            ("Content-Type", "application/octet-stream"),
            ("x-goog-generation", str(stored.generation)),
            ("x-goog-hash", f"crc32c={stored.crc32c}"),
            ("x-goog-hash", f"md5={stored.md5}"),
            ("x-goog-stored-content-length", str(size)),
            ("x-goog-stored-content-encoding", stored.encoding or "identity"),
        ]
        if stored.encoding and "gzip" not in headers.get("accept-encoding", ""):
            reply.body = gzip.decompress(body)  # decompressive transcoding: ranges are ignored
            return reply
        if stored.encoding:
            reply.set("Content-Encoding", stored.encoding)
        if match := re.fullmatch(r"bytes=(\d+)-(\d*)", headers.get("range", "")):
            first, last = int(match[1]), min(int(match[2] or size), size - 1)
            if first >= size:
                return refusal(416, "requestedRangeNotSatisfiable", "Request range not satisfiable")
            reply.status, reply.body = 206, body[first : last + 1]
            reply.set("Content-Range", f"bytes {first}-{last}/{size}")
        reply.set("Content-Length", str(len(reply.body)))
        return reply


def refusal(status: int, reason: str, message: str, **more: Any) -> Reply:
    errors = [{"domain": "global", "reason": reason, "message": message}]
    return _json({"error": {"code": status, "message": message, "errors": errors, **more}}, status)


@contextlib.contextmanager
def fake_gcs(**faults: Any) -> Iterator[FakeGCS]:
    """A store that listens on loopback."""
    store = FakeGCS(**faults)
    server = _Server(("127.0.0.1", 0), _handler(store))
    store.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield store
    finally:
        store.over.set()
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    request_queue_size = 64
    daemon_threads = False

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that is gone is what the tests are about."""


def _handler(store: FakeGCS) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self.close_connection = True
            ask, reply = store.answer(self.path, {name.lower(): value for name, value in self.headers.items()})
            lines = [f"HTTP/1.1 {reply.status} {self.responses.get(reply.status, ('Odd',))[0]}"]
            is_chunked = all(name.lower() != "content-length" for name, _ in reply.headers)
            framing = ("Transfer-Encoding", "chunked") if is_chunked else ("Connection", "close")
            lines += [f"{name}: {value}" for name, value in [*reply.headers, framing]]
            self._send("\r\n".join([*lines, "", ""]).encode("latin-1"), reply.header_drip_s)
            for start in range(0, len(reply.body), 1 if reply.drip_s else PIECE_BYTES):
                piece = self._piece(reply, start)
                self._send(b"%x\r\n%b\r\n" % (len(piece), piece) if is_chunked and piece else piece, reply.drip_s)
                ask.sent_bytes += len(piece)
                if reply.stall_at is not None and ask.sent_bytes >= reply.stall_at:
                    store.over.wait()
                    return
                if reply.cut_at is not None and ask.sent_bytes >= reply.cut_at:
                    return
            if is_chunked:
                self._send(b"0\r\n\r\n", 0)

        do_POST = do_GET  # noqa: N815

        def _piece(self, reply: Reply, start: int) -> bytes:
            end = min(
                start + (1 if reply.drip_s else PIECE_BYTES),
                *(limit for limit in (reply.cut_at, reply.stall_at, len(reply.body)) if limit is not None),
            )
            return reply.body[start:end]

        def _send(self, content: bytes, drip_s: float) -> None:
            if not drip_s:
                self.wfile.write(content)
            for byte in content if drip_s else b"":
                if store.over.wait(drip_s):
                    return
                self.wfile.write(bytes([byte]))

        def log_message(self, *_: object) -> None:
            pass

    return Handler


def _json(document: Any, status: int = 200) -> Reply:
    body = json.dumps(document).encode()
    return Reply(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))], body)


def _resource(bucket: str, name: str, stored: Stored) -> dict[str, str]:
    resource = {
        "kind": "storage#object",
        "bucket": bucket,
        "name": name,
        "generation": str(stored.generation),
        "metageneration": "1",
        "size": str(len(stored.content)),
        "crc32c": stored.crc32c,
        "md5Hash": stored.md5,
    }
    return resource | ({"contentEncoding": stored.encoding} if stored.encoding else {})
