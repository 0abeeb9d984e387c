import asyncio
import hashlib
import json
from contextlib import asynccontextmanager

import httpx2
import joblib
import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin

from model_deployment_app.app import APP_VERSION, create_app
from model_deployment_app.settings import Settings


class Sum(RegressorMixin, BaseEstimator):
    n_features_in_ = 2

    def predict(self, table):
        if (table == 13).any():
            raise RuntimeError("secret words of the model")
        if (table == 14).any():
            raise SystemExit(3)
        if (table == 15).any():
            raise StopIteration
        return np.asarray(table).sum(axis=1)


@pytest.fixture
def serve(tmp_path):
    """The application over ASGI, its model loaded, or refused with the code *refused*."""

    @asynccontextmanager
    async def client(estimator=None, refused=None, **config):
        joblib.dump(estimator or Sum(), tmp_path / "model.joblib")
        model = {"method": "LOCAL", "path": str(tmp_path / "model.joblib"), "trustedTypes": [f"{__name__}.Sum"]}
        settings = Settings(**{"modelType": "joblib", "job": "regression", "model": model, "name": "sum"} | config)
        refusals = []
        app = create_app(settings, cache_dir=tmp_path, on_refusal=refusals.append)
        async with app.router.lifespan_context(app):
            transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
            async with httpx2.AsyncClient(transport=transport, base_url="http://model") as http:
                while not refusals and (await http.get("/readyz")).status_code != 200:
                    await asyncio.sleep(0.005)
                assert [error.code for error in refusals] == ([refused] if refused else []), refusals
                yield http

    return client


def answers(serve, *requests, **config):
    """Send requests as (method, path, body) and return what came back."""

    async def ask():
        async with serve(**config) as http:
            return [await http.request(method, path, content=body) for method, path, body in requests]

    return asyncio.run(ask())


def test_a_model_that_raises_is_a_500_that_keeps_its_words_to_the_log(serve, capfd):
    [failed, after] = answers(
        serve,
        ("POST", "/predict", b'{"instances": [[13, 1]]}'),
        ("POST", "/predict", b'{"instances": [[1, 1]]}'),
    )

    assert failed.status_code == 500
    assert failed.json()["error"]["code"] == "InferenceError"
    assert "secret" not in failed.text
    assert "secret words of the model" in capfd.readouterr().err
    assert after.json()["predictions"] == [2.0]


@pytest.mark.parametrize("trigger", [14, 15])
def test_a_model_that_exits_or_stops_takes_nothing_with_it(serve, trigger):
    [failed, after] = answers(
        serve,
        ("POST", "/predict", b'{"instances": [[%d, 1]]}' % trigger),
        ("POST", "/predict", b'{"instances": [[1, 1]]}'),
    )

    assert (failed.status_code, after.status_code) == (500, 200)
    assert failed.json()["error"]["code"] == "InferenceError"


def test_every_dialect_refuses_in_its_own_words(serve):
    [native, v1] = answers(
        serve,
        ("POST", "/predict", b'{"instances": [[1]]}'),
        ("POST", "/v1/models/sum:predict", b'{"instances": [[1]]}'),
    )

    assert (native.status_code, v1.status_code) == (422, 422)
    assert native.json()["error"]["message"] == v1.json()["error"] == "row 0: expected 2 values, got 1"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"])
@pytest.mark.parametrize("path", ["/predict", "/v1/models/sum:predict"])
def test_a_predict_path_takes_post_alone(serve, method, path):
    [answer] = answers(serve, (method, path, b""))

    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"
    assert "use POST" in answer.text


@pytest.mark.parametrize("path", ["/v1/models/rose:predict", "/v1/models/..%2fsum:predict", "/v1/models/:predict"])
def test_a_model_of_another_name_is_not_found(serve, path):
    [answer] = answers(serve, ("POST", path, b'{"instances": [[1, 2]]}'))

    assert answer.status_code in (404, 405)


def test_a_compressed_body_is_refused_and_not_guessed(serve):
    async def ask():
        async with serve() as http:
            return await http.post("/predict", content=b"\x1f\x8b", headers={"Content-Encoding": "gzip"})

    answer = asyncio.run(ask())

    assert answer.status_code == 415
    assert "send it without Content-Encoding" in answer.text


def test_an_empty_content_encoding_is_none(serve):
    async def ask():
        async with serve() as http:
            return await http.post("/predict", content=b'{"instances": [[1, 2]]}', headers={"Content-Encoding": ""})

    assert asyncio.run(ask()).status_code == 200


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nothing", 404), ("DELETE", "/health", 405)])
def test_a_path_that_there_is_not_is_refused_like_all_else(serve, method, path, status):
    [answer] = answers(serve, (method, path, b""))

    assert answer.status_code == status
    assert list(answer.json()) == ["error"]


def test_health_names_the_models_their_digests_and_the_version(serve, tmp_path):
    [health, live, ready] = answers(serve, ("GET", "/health", b""), ("GET", "/livez", b""), ("GET", "/readyz", b""))

    sha256 = hashlib.sha256((tmp_path / "model.joblib").read_bytes()).hexdigest()
    model = {"name": "sum", "version": sha256[:12], "sha256": sha256, "verified": False}
    assert health.json() == {
        "status": "ok",
        "models_loaded": ["sum"],
        "models": [model],
        "failures": [],
        "generation": 0,
        "app_version": APP_VERSION,
    }
    assert ready.json() == {"status": "ready", "models": [model]}
    assert (live.status_code, ready.status_code) == (200, 200)


def test_a_model_that_is_refused_leaves_the_reason_in_readyz(serve):
    [ready, health, predict] = answers(
        serve,
        ("GET", "/readyz", b""),
        ("GET", "/health", b""),
        ("POST", "/predict", b'{"instances": [[1, 2]]}'),
        inputSize=3,
        refused="UnservableEstimator",
    )

    assert ready.status_code == predict.status_code == 503
    assert ready.headers["retry-after"] == predict.headers["retry-after"] == "5"
    assert ready.json()["code"] == "UnservableEstimator"
    assert "config.inputSize is 3" in ready.json()["reason"]
    assert health.json()["models_loaded"] == []


def test_the_schema_describes_the_predict_routes_with_the_example_of_the_config(serve):
    [document] = answers(serve, ("GET", "/openapi.json", b""), example=[1, 2])

    schema = document.json()
    operation = schema["paths"]["/v1/models/{name}:predict"]["post"]
    assert schema["info"]["version"] == APP_VERSION
    assert {"/predict", "/v1/predict", "/v1/models/{name}:predict"} <= set(schema["paths"])
    assert operation["requestBody"]["content"]["application/json"]["example"] == {"instances": [[1, 2]]}


def test_docs_can_be_switched_off(serve):
    on = answers(serve, ("GET", "/docs", b""), ("GET", "/openapi.json", b""))
    off = answers(serve, ("GET", "/docs", b""), ("GET", "/openapi.json", b""), docs=False)

    assert [answer.status_code for answer in on] == [200, 200]
    assert [answer.status_code for answer in off] == [404, 404]


@pytest.mark.parametrize(
    ("example", "reason"),
    [
        ([1, 2, 3], "row 0: expected 2 values, got 3"),
        ([], "row 0: expected 2 values, got 0"),
        ({"a": 1, "b": 2}, "the estimator was fitted without column names"),
        ("text", "row 0: expected 2 values in an array, got a string"),
    ],
)
def test_an_example_that_does_not_fit_is_refused(serve, example, reason):
    [refused] = answers(serve, ("GET", "/readyz", b""), example=example, refused="UnservableEstimator")

    assert refused.json()["code"] == "UnservableEstimator"
    assert f"config.example does not fit the estimator: {reason}" in refused.json()["reason"]


def test_a_client_that_leaves_in_the_middle_of_its_body_gets_no_answer(serve, tmp_path):
    sent = []

    async def leave():
        async with serve() as http:
            app = http._transport.app
            scope = {"type": "http", "method": "POST", "path": "/predict", "headers": []}
            messages = iter([{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}])

            async def receive():
                return next(messages)

            async def send(message):
                sent.append(message)

            await app(scope, receive, send)

    asyncio.run(leave())

    assert sent == []


def test_predictions_are_strict_json(serve):
    [answer] = answers(serve, ("POST", "/predict", json.dumps({"instances": [[0.1, 0.2]]}).encode()))

    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["predictions"] == [0.1 + 0.2]


def test_an_answer_carries_the_digest_and_a_model_without_a_passport_has_none(serve, tmp_path):
    [answer, refused, passport] = answers(
        serve,
        ("POST", "/v1/models/sum:predict", b'{"instances": [[1, 2]]}'),
        ("POST", "/predict", b"{}"),
        ("GET", "/v1/models/sum/passport", b""),
    )

    sha256 = hashlib.sha256((tmp_path / "model.joblib").read_bytes()).hexdigest()
    assert answer.headers["x-model-sha256"] == sha256
    assert "x-model-sha256" not in refused.headers
    assert (passport.status_code, passport.json()) == (404, {"error": "sum was published without a passport"})
