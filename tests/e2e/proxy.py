"""A reverse proxy for tests, as an Ingress is one: it leads a path to a server, and takes it off or leaves it."""

import contextlib
import http.client
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from ports import free_port

#: Of a hop, not of a message (RFC 9110, 7.6.1).
_OF_THE_HOP = {"connection", "keep-alive", "transfer-encoding"}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    upstream = 0
    prefix = ""
    rewrites = False

    def do(self) -> None:
        path = self.path
        if not (path == self.prefix or path.startswith(f"{self.prefix}/")):
            self.send_error(502, "not our path")
            return
        if self.rewrites:
            path = path.removeprefix(self.prefix) or "/"
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        connection = http.client.HTTPConnection("127.0.0.1", self.upstream, timeout=30)
        with contextlib.closing(connection):
            connection.putrequest(self.command, path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in _OF_THE_HOP:
                    connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            content = answer.read()
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in _OF_THE_HOP:
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_HEAD = do_POST = do_DELETE = do  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def proxy(upstream: int, prefix: str, *, rewrites: bool) -> Iterator[str]:
    """The address at which *prefix* is led to the port *upstream* of loopback."""
    handler = type("Handler", (_Handler,), {"upstream": upstream, "prefix": prefix, "rewrites": rewrites})
    with ThreadingHTTPServer(("127.0.0.1", free_port()), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
