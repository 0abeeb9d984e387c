import asyncio
import hashlib
import json
import threading
from contextlib import asynccontextmanager

import httpx2
import joblib
import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin

from model_deployment_app.app import APP_VERSION, create_app
from model_deployment_app.settings import Settings


class Held:
    """Where a prediction waits for its test."""

    gate = threading.Event()
    entered = threading.Event()


class Sum(RegressorMixin, BaseEstimator):
    n_features_in_ = 2

    def predict(self, table):
        if (table == 13).any():
            raise RuntimeError(f"{len(table)} secret words of the model")
        if (table == 14).any():
            raise SystemExit(3)
        if (table == 15).any():
            raise StopIteration
        if (table == 16).any():
            Held.entered.set()
            assert Held.gate.wait(20)
        return np.asarray(table).sum(axis=1)


@pytest.fixture
def held():
    Held.gate.clear()
    Held.entered.clear()
    yield Held
    Held.gate.set()


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


@pytest.mark.parametrize(("level", "is_told"), [("info", False), ("debug", True)])
def test_a_model_that_raises_is_a_500_that_keeps_its_words_to_a_log_at_debug(serve, capfd, level, is_told):
    [failed, after] = answers(
        serve,
        ("POST", "/predict", b'{"instances": [[13, 1]]}'),
        ("POST", "/predict", b'{"instances": [[1, 1]]}'),
        logLevel=level,
    )

    assert failed.status_code == 500
    assert failed.json()["error"]["code"] == "InferenceError"
    assert "secret" not in failed.text
    assert ("1 secret words of the model" in (log := capfd.readouterr().err)) is is_told
    assert "\nRuntimeError" in log
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
    content = schema["paths"]["/v1/models/{name}:predict"]["post"]["requestBody"]["content"]["application/json"]
    assert schema["info"]["version"] == APP_VERSION
    assert {"/predict", "/v1/predict", "/v1/models/{name}:predict"} <= set(schema["paths"])
    assert content["examples"]["sum"]["value"] == {"instances": [[1, 2]]}


def test_docs_can_be_switched_off(serve):
    pages = [("GET", path, b"") for path in ("/docs", "/openapi.json", "/docs/swagger-ui.css", "/")]
    on, off = answers(serve, *pages), answers(serve, *pages, docs=False)

    assert [answer.status_code for answer in on] == [200, 200, 200, 200]
    assert on[-1].json() == {"status": "alive"}
    assert [answer.status_code for answer in off] == [404, 404, 404, 404]
    assert off[-1].json() == {"error": "Not Found"}


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


TRACE_ID = "0af7651916cd43dd8448eb211c80319c"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/predict", 200),
        ("GET", "/livez", 200),
        ("HEAD", "/metrics", 200),
        ("POST", "/v2/repository/index", 403),
        ("GET", "/nothing", 404),
        ("GET", "/predict", 405),
        ("DELETE", "/health", 405),
        ("GET", "/broken", 500),
    ],
)
def test_every_answer_is_in_the_trace_of_its_request(serve, capfd, method, path, status):
    async def ask(*traceparents):
        async with serve() as http:
            http._transport.app.router.add_route("/broken", broken)
            headers = [("traceparent", each) for each in traceparents]
            return await http.request(method, path, content=b'{"instances": [[1, 2]]}', headers=headers)

    def broken(_):
        raise RuntimeError("nobody foresaw it")

    given = f"00-{TRACE_ID}-b7ad6b7169203331-01"
    joined, begun = asyncio.run(ask(given)), asyncio.run(ask(given, given))

    assert (joined.status_code, begun.status_code) == (status, status)
    assert joined.headers["traceparent"].startswith(f"00-{TRACE_ID}-")
    assert begun.headers["traceparent"].startswith("00-")
    assert TRACE_ID not in begun.headers["traceparent"]


def test_an_error_that_nobody_foresaw_is_an_answer_a_line_and_a_count(serve, capfd):
    async def ask():
        async with serve() as http:
            http._transport.app.router.add_route("/broken", broken)
            return await http.get("/broken"), await http.get("/metrics")

    def broken(_):
        raise RuntimeError("nobody foresaw it")

    [answer, metrics] = asyncio.run(ask())

    assert answer.json() == {"error": "the server failed; its log has where"}
    assert "ERROR error_code=ServingError code=500 protocol=- model=-\nTraceback" in capfd.readouterr().err
    assert 'model_serving_rejected_total{reason="ServingError"} 1.0' in metrics.text


def test_an_access_log_that_is_switched_off_leaves_what_is_refused(serve, capfd):
    answers(
        serve,
        ("POST", "/predict", b'{"instances": [[1, 2]]}'),
        ("POST", "/predict", b'{"instances": [[1]]}'),
        accessLog=False,
    )

    lines = [line for line in capfd.readouterr().err.splitlines() if "trace_id=" in line]
    assert [line.split()[1:4] for line in lines] == [["WARNING", "request", "error_code=InvalidTensor"]]


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


async def predict_while_held(http, held, **more):
    """Have the model compute until it is let go, and ask it once more."""
    first = asyncio.create_task(http.post("/predict", content=b'{"instances": [[16, 1]]}'))
    assert await asyncio.to_thread(held.entered.wait, 20)
    return first, await http.post("/predict", content=b'{"instances": [[1, 2]]}', **more)


def test_a_client_says_how_long_it_waits(serve, held):
    async def ask():
        async with serve() as http:
            first, late = await predict_while_held(http, held, headers={"X-Request-Timeout-Ms": "20"})
            held.gate.set()
            return late, await first

    late, first = asyncio.run(ask())

    assert (late.status_code, first.status_code) == (504, 200)
    assert late.json()["error"] == {"code": "DeadlineExceeded", "message": "no answer within 20 ms"}


@pytest.mark.parametrize("timeout", ["0", "-1", "1.5", "soon", "", "1" * 10, "１"])
def test_a_timeout_that_is_no_number_of_milliseconds_is_refused(serve, timeout):
    async def ask():
        async with serve() as http:
            headers = {"X-Request-Timeout-Ms": timeout.encode()}
            return await http.post("/predict", content=b'{"instances": [[1, 2]]}', headers=headers)

    answer = asyncio.run(ask())

    assert answer.status_code == 400
    assert "x-request-timeout-ms: expected milliseconds" in answer.text


def test_too_much_at_once_is_a_503_that_says_when_to_come_again(serve, held):
    async def ask():
        async with serve(limits={"queueRows": 1}) as http:
            first, refused = await predict_while_held(http, held)
            held.gate.set()
            await first
            return refused

    refused = asyncio.run(ask())

    assert refused.status_code == 503
    assert refused.headers["retry-after"] == "1"
    assert refused.json()["error"]["code"] == "Overloaded"


def test_probes_fail_while_a_prediction_never_ends_and_heal_when_it_does(serve, held):
    async def ask():
        async with serve(limits={"hangSeconds": 1}) as http:
            first = asyncio.create_task(http.post("/predict", content=b'{"instances": [[16, 1]]}'))
            while (live := await http.get("/livez")).status_code == 200:
                await asyncio.sleep(0.02)
            ready = await http.get("/readyz")
            held.gate.set()
            await first
            return live, ready, [await http.get(path) for path in ("/livez", "/readyz")]

    live, ready, healed = asyncio.run(ask())

    assert (live.status_code, ready.status_code) == (503, 503)
    assert live.json()["code"] == ready.json()["code"] == "Stuck"
    assert "sum: a prediction has been running for 1 s, limits.hangSeconds is 1" in ready.json()["reason"]
    assert [answer.status_code for answer in healed] == [200, 200]


def test_a_client_that_leaves_while_it_waits_is_not_predicted_for(serve, held):
    sent, asked = [], asyncio.Event()

    async def leave():
        async with serve() as http:
            app = http._transport.app
            first = asyncio.create_task(http.post("/predict", content=b'{"instances": [[16, 1]]}'))
            assert await asyncio.to_thread(held.entered.wait, 20)
            leaves = asyncio.Event()
            scope = {"type": "http", "method": "POST", "path": "/predict", "headers": []}
            messages = iter([{"type": "http.request", "body": b'{"instances": [[13, 1]]}'}])

            async def receive():
                if (message := next(messages, None)) is not None:
                    return message
                asked.set()
                await leaves.wait()
                return {"type": "http.disconnect"}

            async def send(message):
                sent.append(message)

            leaving = asyncio.create_task(app(scope, receive, send))
            await asked.wait()
            leaves.set()
            await leaving
            held.gate.set()
            await first
            return (await http.get("/metrics")).text

    metrics = asyncio.run(leave())

    assert sent == []
    assert 'model_serving_requests_total{code="499",model="sum"' in metrics
    assert 'model_serving_batch_size_count{model="sum"} 1.0' in metrics


def test_v2_answers_for_a_model_and_for_its_version_alone(serve):
    body = b'{"inputs": [{"name": "x", "shape": [2, 2], "datatype": "INT8", "data": [1, 2, 3, 4]}]}'

    [named, versioned, other, described] = answers(
        serve,
        ("POST", "/v2/models/sum/infer", body),
        ("POST", "/v2/models/sum/versions/3/infer", body),
        ("POST", "/v2/models/sum/versions/4/infer", body),
        ("GET", "/v2/models/sum/versions/3", b""),
        version="3",
    )

    [output] = named.json()["outputs"]
    assert output == {"name": "predictions", "shape": [2], "datatype": "FP64", "data": [3.0, 7.0]}
    assert versioned.json() == named.json()
    assert (other.status_code, other.json()) == (404, {"error": "sum is not here in version '4', but in 3"})
    assert described.json()["versions"] == ["3"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v2/health/ready"),
        ("GET", "/v2/models/sum"),
        ("GET", "/v2/models/sum/ready"),
        ("GET", "/v2/models/sum/versions/3/ready"),
        ("POST", "/v2/models/sum/infer"),
    ],
)
def test_v2_says_what_is_not_ready_and_when_to_come_again(serve, method, path):
    [live, answer] = answers(
        serve, ("GET", "/v2/health/live", b""), (method, path, b""), inputSize=3, refused="UnservableEstimator"
    )

    assert live.status_code == 200
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert list(answer.json()) == ["error"]
