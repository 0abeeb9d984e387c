import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from mounted_secret import Secret

from model_deployment_app.cli.smoke import smoke
from model_deployment_app.errors import InferenceError, InvalidConfig, ModelNotReady, WrongAnswers


@pytest.fixture
def config(tmp_path):
    file = tmp_path / "config.json"
    model = {"method": "LOCAL", "path": "/m.joblib"}
    file.write_text(
        json.dumps({"name": "iris", "modelType": "joblib", "job": "regression", "model": model, "example": [1, 2]})
    )
    return file


@pytest.fixture
def sent():
    """The API keys that requests came with, by the last word of their path."""
    return {}


@pytest.fixture
def server(sent):
    """A server that answers each path with a status and a document."""
    started = []

    def start(**answers):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                word = self.path.rsplit("/", 1)[-1].replace("iris:", "")
                sent[word] = self.headers["X-Api-Key"]
                status, document = answers[word]
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
SHA256 = "5" * 64
HEALTH = (200, {"models_loaded": ["iris"], "models": [{"name": "iris", "sha256": SHA256, "verified": False}]})


def test_a_server_that_answers_the_example_passes(config, server, capsys):
    smoke(config, server(readyz=READY, health=HEALTH, predict=(200, {"predictions": [4.5]})))

    assert "config.example -> 4.5" in capsys.readouterr().out


def test_each_of_several_models_is_looked_at(config, server, capsys):
    one = json.loads(config.read_text())
    config.write_text(json.dumps({"models": [one, one | {"name": "rose"}]}))

    with pytest.raises(ModelNotReady, match="serves iris, not rose"):
        smoke(config, server(readyz=READY, health=HEALTH, predict=(200, {"predictions": [4.5]})))

    assert "is ready and serves iris" in capsys.readouterr().out


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
            "gave 0 predictions for 1 instance",
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


def verified(answer: float):
    """The answers of a server whose passport holds *answer* to one row."""
    golden = {"instances": [[1, 2]], "outputs": {"predictions": [answer]}, "rtol": 1e-6, "atol": 0}
    passport = {
        "sha256": SHA256,
        "sizeBytes": 1,
        "format": "joblib",
        "job": "regression",
        "estimator": "Ridge",
        "createdAt": "2026-11-01T12:00:00Z",
        "python": "3.11.7",
        "libraries": {},
        "imports": [],
        "trustedTypes": [],
        "inputs": [],
        "outputs": [],
        "golden": golden,
    }
    model = {"name": "iris", "sha256": SHA256, "verified": True}
    health = (200, {"models_loaded": ["iris"], "models": [model]})
    return {"readyz": READY, "health": health, "passport": (200, passport), "predict": (200, {"predictions": [4.5]})}


def test_a_server_that_gives_the_answers_of_its_passport_passes(config, server, capsys):
    smoke(config, server(**verified(4.5)))

    assert "1 row(s) of its passport -> the answers that were recorded" in capsys.readouterr().out


def test_a_server_that_gives_others_is_told_of(config, server):
    with pytest.raises(WrongAnswers, match=r"row 0 of its passport: predictions were 4\.0 .* and are 4\.5"):
        smoke(config, server(**verified(4.0)))


def test_a_server_with_another_artifact_than_values_pin_is_told_of(config, server):
    document = json.loads(config.read_text())
    document["model"]["sha256"] = "6" * 64
    config.write_text(json.dumps(document))

    with pytest.raises(ModelNotReady, match=f"serves {SHA256}, but config.model.sha256 is {'6' * 64}"):
        smoke(config, server(readyz=READY, health=HEALTH))


@pytest.mark.parametrize(
    ("entries", "environment", "key"),
    [
        ({"admin": "theirs", "key2": " two\n", "key3": "three"}, {}, "two"),
        ({"admin": "theirs", "empty": "", "lines": "one\ntwo"}, {}, "theirs"),
        ({}, {"API_KEYS": " ,first, second", "ADMIN_API_KEYS": "theirs"}, "first"),
        ({}, {"ADMIN_API_KEYS": "theirs"}, "theirs"),
        ({"key1": "mounted"}, {"API_KEYS": "first"}, "mounted"),
        ({"key1": "schlüssel"}, {}, "schlüssel"),
        ({}, {}, None),
    ],
)
def test_a_server_that_asks_for_a_key_gets_one_for_predictions(
    config, server, sent, tmp_path, monkeypatch, entries, environment, key
):
    secret = Secret(tmp_path / "keys")
    secret.put(entries)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    smoke(config, server(**verified(4.5)), secret.folder)

    given = sent["predict"] and sent["predict"].encode("latin-1").decode()
    assert given == key
    assert sent["passport"] == sent["predict"]
    assert sent["readyz"] is sent["health"] is None


def test_a_refused_key_is_not_in_the_error(config, server, tmp_path, capsys):
    Secret(tmp_path / "keys").put({"key1": "the key of home"})

    with pytest.raises(ModelNotReady, match="predict answered 401") as refusal:
        smoke(config, server(readyz=READY, health=HEALTH, predict=(401, {"error": "not known"})), tmp_path / "keys")

    assert "the key of home" not in f"{refusal.value} {capsys.readouterr()}"


def test_a_folder_of_keys_that_is_not_there_is_told_of(config, tmp_path):
    with pytest.raises(InvalidConfig, match="cannot be read: No such file"):
        smoke(config, "http://127.0.0.1:9", tmp_path / "nothing")
