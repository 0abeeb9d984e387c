"""What a store, or something between it and us, may do to an answer."""

import gzip
import json
from typing import Any

from fake_gcs import Ask, FakeGCS, Fault, Reply, refusal

from .bench import GENERATION, model

OTHER = GENERATION + 1
#: A second model, as long as the first one.
NEWER = model().replace(b"400000400000", b"400001400001")


def says(status: int, message: str, reason: str = "", **more: Any) -> Fault:
    def fault(store: FakeGCS, ask: Ask, reply: Reply) -> None:
        told = refusal(status, reason, message, **more)
        reply.status, reply.headers, reply.body = told.status, told.headers, told.body

    return fault


def page(status: int) -> Fault:
    def fault(store: FakeGCS, ask: Ask, reply: Reply) -> None:
        reply.status, reply.body = status, b"<html>\n<body>Sign in to the network</body>\n</html>"
        reply.headers = [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(reply.body)))]

    return fault


def with_reply(**changes: Any) -> Fault:
    def fault(store: FakeGCS, ask: Ask, reply: Reply) -> None:
        for name, value in changes.items():
            setattr(reply, name, value)
        if "body" in changes:
            reply.set("Content-Length", str(len(reply.body)))

    return fault


def without(*headers: str) -> Fault:
    return lambda store, ask, reply: reply.drop(*headers)


def with_header(name: str, value: str) -> Fault:
    return lambda store, ask, reply: reply.set(name, value)


def flip(store: FakeGCS, ask: Ask, reply: Reply) -> None:
    at = len(reply.body) // 2
    reply.body = reply.body[:at] + bytes([reply.body[at] ^ 1]) + reply.body[at + 1 :]


def whole(store: FakeGCS, ask: Ask, reply: Reply) -> None:
    """Ignores Range."""
    if reply.status == 206:
        reply.status, reply.body = 200, model()
        reply.drop("Content-Range")
        reply.set("Content-Length", str(len(reply.body)))


def truncated(store: FakeGCS, ask: Ask, reply: Reply) -> None:
    """Half of the body, and a length that says that this is all."""
    reply.body = reply.body[: len(reply.body) // 2]
    reply.set("Content-Length", str(len(reply.body)))


def longer(store: FakeGCS, ask: Ask, reply: Reply) -> None:
    reply.drop("Content-Length")
    reply.body += b"more"


def compressed(store: FakeGCS, ask: Ask, reply: Reply) -> None:
    """As a proxy does it."""
    reply.body = gzip.compress(reply.body)
    reply.drop("x-goog-stored-content-encoding", "x-goog-stored-content-length")
    reply.set("Content-Encoding", "gzip")
    reply.set("Content-Length", str(len(reply.body)))


def hashes_joined(store: FakeGCS, ask: Ask, reply: Reply) -> None:
    """One header in place of two, the other one first."""
    crc32c, md5 = (value for name, value in reply.headers if name == "x-goog-hash")
    reply.set("x-goog-hash", f"{md5}, {crc32c}")


def replaced(store: FakeGCS, ask: Ask, reply: Reply) -> None:
    """Somebody publishes anew while the first half of the old is on its way."""
    store.put("models/iris/iris.joblib", NEWER, generation=OTHER)
    reply.cut_at = len(reply.body) // 2


def lacking(*keys: str) -> Fault:
    """Metadata without these."""

    def fault(store: FakeGCS, ask: Ask, reply: Reply) -> None:
        document = {key: value for key, value in json.loads(reply.body).items() if key not in keys}
        reply.body = json.dumps(document).encode()
        reply.set("Content-Length", str(len(reply.body)))

    return fault


def holding(**changes: Any) -> Fault:
    """Metadata with these changed."""

    def fault(store: FakeGCS, ask: Ask, reply: Reply) -> None:
        reply.body = json.dumps(json.loads(reply.body) | changes).encode()
        reply.set("Content-Length", str(len(reply.body)))

    return fault


def all_of(*faults: Fault) -> Fault:
    def fault(store: FakeGCS, ask: Ask, reply: Reply) -> None:
        for each in faults:
            each(store, ask, reply)

    return fault


HALF = len(model()) // 2
CUT = with_reply(cut_at=HALF)
UNAVAILABLE = says(503, "We encountered an internal error.\nPlease try again.", "backendError")
BUSY = all_of(says(429, "The rate of requests is too high.", "rateLimitExceeded"), with_header("Retry-After", "0"))
FORBIDDEN = says(
    403,
    "reader@acme.iam.gserviceaccount.com does not have storage.objects.get access to the Google Cloud Storage object.",
    "forbidden",
)
