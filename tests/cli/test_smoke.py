import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from model_deployment_app.cli.smoke import smoke
from model_deployment_app.errors import InferenceError, ModelNotReady


@pytest.fixture
def config(tmp_path):
    file = tmp_path / "config.json"
    model = {"method": "LOCAL", "path": "/m.joblib"}
    file.write_text(
        json.dumps({"name": "iris", "modelType": "joblib", "job": "regression", "model": model, "example": [1, 2]})
    )
    return file


@pytest.fixture
def server():
    """A server that answers each path with a status and a document."""
    started = []

    def start(**answers):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status, document = answers[self.path.rsplit("/", 1)[-1].replace("iris:", "")]
                body = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET  # noqa: N815 - the name that http.server calls

            def log_message(self, *_):
                pass

        http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=http.serve_forever, daemon=True).start()
        started.append(http)
        return f"http://127.0.0.1:{http.server_port}"

    yield start
    for http in started:
        http.shutdown()
        http.server_close()


READY = (200, {"status": "ready"})
HEALTH = (200, {"models_loaded": ["iris"]})


def test_a_server_that_answers_the_example_passes(config, server, capsys):
    smoke(config, server(readyz=READY, health=HEALTH, predict=(200, {"predictions": [4.5]})))

    assert "config.example -> 4.5" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("answers", "error", "message"),
    [
        ({"readyz": (503, {"code": "Loading"})}, ModelNotReady, 'readyz answered 503: {"code": "Loading"}'),
        ({"readyz": READY, "health": (200, {"models_loaded": ["rose"]})}, ModelNotReady, "serves rose, not iris"),
        (
            {"readyz": READY, "health": HEALTH, "predict": (422, {"error": "row 0"})},
            ModelNotReady,
            'predict answered 422: {"error": "row 0"}',
        ),
        (
            {"readyz": READY, "health": HEALTH, "predict": (200, {"predictions": []})},
            InferenceError,
            "gave 0 predictions for one instance",
        ),
    ],
)
def test_a_server_that_does_not_is_told_of(config, server, answers, error, message):
    with pytest.raises(error, match=message.replace("{", r"\{")):
        smoke(config, server(**answers))


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "127.0.0.1", "nonsense://x", "http://"])
def test_a_server_that_is_not_there_is_told_of(config, url):
    with pytest.raises(ModelNotReady, match="does not answer"):
        smoke(config, url)
