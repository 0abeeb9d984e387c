"""A store over real HTTP that does what the emulator never does: refuse, cut short, alter."""

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = tuple[int, bytes, dict[str, str]]
Behaviour = Callable[[str], Answer]


@contextlib.contextmanager
def faulty_store(behave: Behaviour) -> Iterator[str]:
    """Answer each path with the status, body and headers that *behave* gives; the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body, headers = behave(self.path)
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def always(status: int, body: bytes) -> Behaviour:
    return lambda path: (status, body, {"Content-Type": "application/json"})


def holding_iris(size: int, answer: Answer) -> Behaviour:
    """Describe a blob ``iris`` of *size* bytes as a healthy store would, and give *answer* to whoever downloads it."""
    described = {"name": "iris", "bucket": "models", "size": str(size), "generation": "1"}
    description = json.dumps(described).encode()
    return lambda path: answer if "alt=media" in path else (200, description, {"Content-Type": "application/json"})
