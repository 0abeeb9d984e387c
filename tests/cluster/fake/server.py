"""The API over HTTP, on a free port of loopback."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import yaml
from ports import free_port

from . import kinds
from .controllers import LAST_LOG_LINE, reconcile
from .kinds import Kind
from .patches import json_patch, merge
from .refusals import Refusal, validate
from .store import Object, Store, kind_of

# A document without schemas, in the one encoding that clients ask for: they find nothing to check, the server checks.
OPENAPI_V2 = b"\x0a\x032.0"
OPENAPI_V2_TYPE = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"


class FakeKubernetes:
    """The API's state, for tests that set a stage or look behind it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.store = Store(reconcile)
        # The plurals of kinds that nobody may touch.
        self.forbidden: set[str] = set()

    def put(self, kind: str, namespace: str, name: str, **content: Any) -> Object:
        """Write an object, without validation; ``labels`` and other keys of metadata are taken from *content*."""
        metadata = {"name": name} | content.pop("metadata", {})
        return self.store.put(kinds.named(kind), namespace, {"metadata": metadata, **content})

    def find(self, kind: str, namespace: str, labels: str = "") -> list[Object]:
        return self.store.find(kinds.named(kind), namespace, labels=labels)

    def everything(self, namespace: str) -> list[str]:
        """The names of all that is in *namespace*, ``Kind/name``."""
        found = [one for kind in kinds.EVERY if kind.is_namespaced for one in self.store.find(kind, namespace)]
        return sorted(f"{one['kind']}/{one['metadata']['name']}" for one in found if one["kind"] != "Event")

    def kubeconfig(self) -> str:
        cluster = {"name": "fake", "cluster": {"server": self.url}}
        context = {"name": "fake", "context": {"cluster": "fake", "user": "tester"}}
        return json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [cluster],
                "contexts": [context],
                "current-context": "fake",
                "users": [{"name": "tester", "user": {}}],
            }
        )


@contextmanager
def running() -> Iterator[FakeKubernetes]:
    """A server of its own, until the block ends."""
    port = free_port()
    fake = FakeKubernetes(f"http://127.0.0.1:{port}")
    fake.put("Namespace", "", "default", status={"phase": "Active"})

    class Handler(_Handler):
        kubernetes = fake

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Headers and body go in two writes; the second would wait for the ACK of the first.
    disable_nagle_algorithm = True
    kubernetes: FakeKubernetes

    def log_message(self, *_: Any) -> None:
        """Say nothing: helm and kubectl say what went wrong."""

    def _answer(self) -> None:
        url = urlsplit(self.path)
        query = dict(parse_qsl(url.query))
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            words = url.path.strip("/").split("/")
            if words[0] not in ("api", "apis") or len(words) < 2:
                self._send(200, *_about(url.path))
            else:
                self._resource(words[1:] if words[0] == "api" else [f"{words[1]}/{words[2]}", *words[3:]], query, body)
        except Refusal as refusal:
            self._send(refusal.code, refusal.status)

    # The names that http.server calls.
    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815

    def _resource(self, words: list[str], query: dict[str, str], body: bytes) -> None:
        api_version, *rest = words
        if not rest:
            found = kinds.resources(api_version)
            if found is None:
                raise Refusal(404, "NotFound", "the server could not find the requested resource")
            return self._send(200, found)
        namespace = ""
        if rest[0] == "namespaces" and len(rest) > 2:
            _, namespace, *rest = rest
        kind, name, sub = kind_of(api_version, rest[0]), *[*rest[1:], "", ""][:2]
        if kind.plural in self.kubernetes.forbidden:
            group = kind.api_version.rpartition("/")[0]
            raise Refusal(403, "Forbidden", f'{kind.plural}.{group} is forbidden: User "tester" cannot do this')
        if query.get("watch") in ("1", "true"):
            return self._watch(kind, namespace, query)
        if sub == "log":
            return self._send(200, LAST_LOG_LINE.encode(), "text/plain")
        status, answer = self._act(kind, namespace, name, query, body)
        return self._send(status, answer)

    def _act(
        self, kind: Kind, namespace: str, name: str, query: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, Any]]:
        store = self.kubernetes.store
        if self.command == "GET" and not name:
            found = store.find(kind, namespace, **_selection(query))
            metadata = {"resourceVersion": store.version}
            listed = {"kind": f"{kind.name}List", "apiVersion": kind.api_version, "metadata": metadata}
            return 200, listed | {"items": found}
        if self.command == "GET":
            return 200, store.get(kind, namespace, name)
        if self.command == "DELETE":
            return 200, store.delete(kind, namespace, name)
        with store.news:
            if self.command == "POST":
                one = yaml.safe_load(body)
                validate(one)
                return 201, store.create(kind, namespace, one)
            one = self._changed(store.get(kind, namespace, name), body)
            validate(one)
            return 200, store.put(kind, namespace, one)

    def _changed(self, one: Object, body: bytes) -> Object:
        if self.command == "PUT":
            return json.loads(body)
        how = self.headers["Content-Type"]
        if how == "application/json-patch+json":
            return json_patch(one, json.loads(body))
        return merge(one, json.loads(body), is_strategic=how == "application/strategic-merge-patch+json")

    def _watch(self, kind: Kind, namespace: str, query: dict[str, str]) -> None:
        if "sendInitialEvents" in query:
            raise Refusal(422, "Invalid", "sendInitialEvents is not supported here")
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        since, seconds = int(query.get("resourceVersion") or 0), float(query.get("timeoutSeconds") or 60)
        try:
            for change in self.kubernetes.store.watch(kind, namespace, since, seconds, **_selection(query)):
                if change:
                    event = {"type": change.type, "object": change.object}
                    self.wfile.write(json.dumps(event).encode() + b"\n")
                self.wfile.flush()
        except OSError:
            return

    def _send(self, status: int, answer: dict[str, Any] | bytes, content_type: str = "application/json") -> None:
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _selection(query: dict[str, str]) -> dict[str, str]:
    return {"labels": query.get("labelSelector", ""), "fields": query.get("fieldSelector", "")}


def _about(path: str) -> tuple[dict[str, Any] | bytes, str]:
    """What the API says of itself."""
    if path == "/openapi/v2":
        return OPENAPI_V2, OPENAPI_V2_TYPE
    answers: dict[str, dict[str, Any]] = {
        "/version": {"major": "1", "minor": "34", "gitVersion": "v1.34.0"},
        "/api": {"kind": "APIVersions", "versions": ["v1"]},
        "/apis": kinds.groups(),
    }
    if path not in answers:
        raise Refusal(404, "NotFound", "the server could not find the requested resource")
    return answers[path], "application/json"
