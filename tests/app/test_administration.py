"""The routes that load and unload models, as their clients see them."""

import asyncio
from contextlib import asynccontextmanager

import httpx2
import pytest
from constants import publish, publish_corrupt

from model_deployment_app.app import create_app
from model_deployment_app.app.keys import Keys
from model_deployment_app.settings import Settings, SeveralModels

KEYS = {"API_KEYS": "user", "ADMIN_API_KEYS": "root"}
ROOT = {"Authorization": "Bearer root"}
LOADED = {"model", "format", "status", "load_time_seconds"}


@pytest.fixture
def serve(tmp_path):
    """The application over ASGI with models that answer 1, 2, …, asked with the key for administration."""

    @asynccontextmanager
    async def client(*names, keys=KEYS, is_enabled=True, corrupt=()):
        models = []
        for number, name in enumerate(names or ["a"], start=1):
            path = tmp_path / f"{name}.joblib"
            publish_corrupt(path) if name in corrupt else publish(number, path)
            model = {"method": "LOCAL", "path": str(path)}
            models.append({"name": name, "modelType": "joblib", "job": "regression", "model": model})
        repository = {"loadUnload": is_enabled}
        settings = (
            Settings(**models[0], repository=repository)
            if len(models) == 1
            else SeveralModels(models=models, repository=repository)
        )
        app = create_app(settings, cache_dir=tmp_path, on_refusal=pytest.fail, keys=Keys(keys))
        async with app.router.lifespan_context(app):
            transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
            async with httpx2.AsyncClient(transport=transport, base_url="http://model", headers=ROOT) as http:
                while (await http.get("/health")).json()["status"] == "loading":
                    await asyncio.sleep(0.005)
                yield http

    return client


def answers(serve, *requests, **how):
    """Send requests as (path, body) and return what came back."""

    async def ask():
        async with serve(**how) as http:
            return [await http.post(path, content=body) for path, body in requests]

    return asyncio.run(ask())


async def predict(http, name="a"):
    return await http.post(f"/v1/models/{name}:predict", json={"instances": [[0]]})


def test_a_load_serves_the_new_artifact_and_says_how_long_it_took(serve, tmp_path):
    async def swap():
        async with serve() as http:
            publish(5, tmp_path / "a.joblib")
            loaded = await http.post("/v1/models/a/load", params={"model_format": "joblib"})
            return loaded, await predict(http), (await http.get("/health")).json()

    loaded, prediction, health = asyncio.run(swap())

    assert loaded.status_code == 200
    assert set(loaded.json()) == LOADED
    assert loaded.json() | {"load_time_seconds": 0} == {
        "model": "a",
        "format": "joblib",
        "status": "loaded",
        "load_time_seconds": 0,
    }
    assert 0 < loaded.json()["load_time_seconds"] < 10
    assert prediction.json() == {"predictions": [5.0]}
    assert prediction.headers["x-model-sha256"] == health["models"][0]["sha256"]
    assert health["generation"] == 1


def test_the_format_may_be_left_out_or_be_another_that_there_is(serve):
    [configured, other] = answers(serve, ("/v1/models/a/load", b""), ("/v1/models/a/load?model_format=pkl", b""))

    assert configured.json()["format"] == "joblib"
    assert other.json()["format"] == "pkl"


def test_a_format_that_there_is_not_is_told_those_there_are(serve):
    [refused] = answers(serve, ("/v1/models/a/load?model_format=tensorrt", b""))

    assert refused.status_code == 400
    assert refused.json() == {"error": "model_format: expected one of joblib, pkl, got 'tensorrt'"}


def test_a_corrupt_artifact_is_refused_with_its_code_and_the_pod_stays_ready(serve, tmp_path):
    async def swap():
        async with serve() as http:
            publish_corrupt(tmp_path / "a.joblib")
            refused = await http.post("/v1/models/a/load")
            index = await http.post("/v2/repository/index")
            gets = [(await http.get(path)) for path in ("/readyz", "/health")]
            return refused, await predict(http), index.json(), *gets

    refused, prediction, [entry], ready, health = asyncio.run(swap())

    assert refused.status_code == 422
    assert refused.json()["error"].startswith("ArtifactRejected: file:///")
    assert prediction.json() == {"predictions": [1.0]}
    assert (entry["state"], entry["reason"]) == ("READY", refused.json()["error"])
    assert ready.status_code == 200
    assert health.json()["status"] == "ok"
    assert [failure["code"] for failure in health.json()["failures"]] == ["ArtifactRejected"]


def test_a_body_that_is_slower_than_a_swap_is_answered_by_the_model_that_is_there_then(serve, tmp_path):
    async def swap_meanwhile():
        async with serve() as http:

            async def body():
                yield b'{"instances":'
                publish(5, tmp_path / "a.joblib")
                await http.post("/v1/models/a/load")
                yield b"[[0]]}"

            return await http.post("/v1/models/a:predict", content=body())

    answer = asyncio.run(swap_meanwhile())

    assert answer.status_code == 200
    assert answer.json() == {"predictions": [5.0]}


def test_an_unloaded_model_is_a_503_in_a_pod_that_is_ready(serve):
    async def unload():
        async with serve("a", "b") as http:
            unloaded = await http.post("/v1/models/a/unload")
            paths = ("/readyz", "/v2/health/ready", "/v1/models", "/v1/models/a", "/v2/models/a/ready")
            gets = [await http.get(path) for path in paths]
            return unloaded, await predict(http, "a"), await predict(http, "b"), *gets

    unloaded, of_a, of_b, ready, ready_v2, names, ready_a, ready_v2_a = asyncio.run(unload())

    assert unloaded.json() == {"model": "a", "status": "unloaded"}
    assert (of_a.status_code, of_b.status_code) == (503, 200)
    assert of_a.json() == {"error": "a: unloaded by request"}
    assert of_a.headers["retry-after"]
    assert [model["name"] for model in ready.json()["models"]] == ["b"]
    assert names.json() == {"models": ["a", "b"]}
    assert (ready_v2.status_code, ready_a.status_code, ready_v2_a.status_code) == (200, 503, 503)


def test_of_several_models_one_that_is_refused_keeps_the_pod_from_being_ready(serve, tmp_path):
    async def heal():
        async with serve("a", "b", corrupt=["a"]) as http:
            before = [await http.get(path) for path in ("/readyz", "/health")]
            others = await predict(http, "b")
            publish(7, tmp_path / "a.joblib")
            await http.post("/v1/models/a/load")
            return *before, others, await predict(http, "a"), await http.get("/readyz")

    unready, health, others, healed, ready = asyncio.run(heal())

    assert unready.status_code == 503
    assert unready.json()["code"] == "ArtifactRejected"
    assert unready.json()["reason"].startswith("a: file:///")
    assert health.json()["status"] == "failed"
    assert health.json()["models_loaded"] == ["b"]
    assert others.json() == {"predictions": [2.0]}
    assert healed.json() == {"predictions": [7.0]}
    assert ready.status_code == 200


def test_the_native_routes_are_answered_by_the_first_model(serve):
    async def ask():
        async with serve("second", "a") as http:
            return await http.post("/v1/predict", json={"instances": [[0]]})

    assert asyncio.run(ask()).json()["model"]["name"] == "second"


def test_the_extension_of_triton_loads_unloads_and_lists(serve):
    versions = {}

    async def there_and_back():
        async with serve("a", "b") as http:
            for model in (await http.get("/health")).json()["models"]:
                versions[model["name"]] = model["version"]
            return [
                await http.post(path, content=body)
                for path, body in [
                    ("/v2/repository/models/a/unload", b'{"parameters": {"unload_dependents": false}}'),
                    ("/v2/repository/index", b""),
                    ("/v2/repository/index", b'{"ready": true}'),
                    ("/v2/repository/models/a/load", b'{"parameters": {}}'),
                    ("/v2/repository/index", b"{}"),
                ]
            ]

    unloaded, index, ready, loaded, after = asyncio.run(there_and_back())

    of_a, of_b = ({"name": name, "version": versions[name], "state": "READY", "reason": ""} for name in "ab")
    assert [(answer.status_code, answer.content) for answer in (unloaded, loaded)] == [(200, b"")] * 2
    assert index.json() == [{"name": "a", "state": "UNAVAILABLE", "reason": "unloaded by request"}, of_b]
    assert ready.json() == [of_b]
    assert after.json() == [of_a, of_b]


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("/v1/models/c/load", b"", 404, "no model is named 'c'; there is a"),
        ("/v1/models/c/unload", b"", 404, "no model is named 'c'; there is a"),
        ("/v2/repository/models/c/load", b"", 404, "no model is named 'c'; there is a"),
        ("/v2/repository/models/a/load", b'{"parameters": {"config": "{}"}}', 400, "'config' is not taken"),
        ("/v2/repository/models/a/load", b'{"parameters": {"file:1/model.pkl": "aa"}}', 400, "is not taken"),
        ("/v2/repository/models/a/load", b'{"model": "b"}', 400, "expected nothing, or"),
        ("/v2/repository/models/a/load", b"[1]", 400, "expected nothing, or a JSON object"),
        ("/v2/repository/models/a/load", b'{"parameters": 1}', 400, "expected nothing, or"),
        ("/v2/repository/models/a/unload", b"\xff", 400, "expected nothing, or a JSON object"),
        ("/v2/repository/index", b'{"ready": 1}', 400, 'expected nothing, or {"ready": true}'),
        ("/v2/repository/index", b'{"name": "a"}', 400, 'expected nothing, or {"ready": true}'),
        ("/v2/repository/index", b"{" * 5000, 400, "expected nothing, or a JSON object"),
    ],
)
def test_what_is_asked_wrongly_is_refused_in_one_line(serve, path, body, status, words):
    [answer] = answers(serve, (path, body))

    assert answer.status_code == status
    assert list(answer.json()) == ["error"]
    assert words in answer.json()["error"]


@pytest.mark.parametrize(
    "path",
    [
        "/v1/models/a/load",
        "/v1/models/a/unload",
        "/v2/repository/index",
        "/v2/repository/models/a/load",
        "/v2/repository/models/a/unload",
    ],
)
def test_a_key_for_administration_is_needed(serve, path):
    async def knock():
        async with serve() as http:
            return [
                await http.post(path, headers={"Authorization": f"Bearer {key}"}) for key in ("user", "nobody", "root")
            ]

    [keyless] = answers(serve, (path, b""), keys={})
    user, nobody, root = asyncio.run(knock())

    assert (keyless.status_code, user.status_code, nobody.status_code, root.status_code) == (403, 403, 401, 200)
    assert "no key is configured for administration" in keyless.json()["error"]


def test_the_docs_tell_of_it_only_where_it_is_on(serve):
    async def paths(*, is_enabled):
        async with serve(is_enabled=is_enabled) as http:
            return (await http.get("/openapi.json")).json()["paths"]

    on, off = asyncio.run(paths(is_enabled=True)), asyncio.run(paths(is_enabled=False))

    assert set(on) - set(off) == {
        "/v1/models/{name}/load",
        "/v1/models/{name}/unload",
        "/v2/repository/index",
        "/v2/repository/models/{name}/load",
        "/v2/repository/models/{name}/unload",
    }
    assert set(on["/v1/models/{name}/load"]["post"]["responses"]) == {"200", "400", "401", "403", "404", "409", "422"}
    assert "422" not in on["/v1/models/{name}"]["get"]["responses"]


def test_v2_names_the_extension_only_where_it_is_on(serve):
    async def extensions(*, is_enabled):
        async with serve(is_enabled=is_enabled) as http:
            return (await http.get("/v2")).json()["extensions"]

    on, off = asyncio.run(extensions(is_enabled=True)), asyncio.run(extensions(is_enabled=False))

    assert on == ["binary_tensor_data", "model_repository"]
    assert off == ["binary_tensor_data"]


def test_it_is_off_unless_the_values_say_otherwise(serve):
    [v1, v2, index] = answers(
        serve,
        ("/v1/models/a/unload", b""),
        ("/v2/repository/models/a/load", b""),
        ("/v2/repository/index", b""),
        is_enabled=False,
    )

    assert (v1.status_code, v2.status_code, index.status_code) == (403, 403, 200)
    assert "set config.repository.loadUnload: true" in v1.json()["error"]
    assert Settings.model_fields["repository"].default.load_unload is False


@pytest.mark.parametrize("keys", [KEYS, {}])
@pytest.mark.parametrize("ending", ["", "%0A", "%0D%0A", "%20", "%00", "/", "?x=%0A"])
@pytest.mark.parametrize(
    "path",
    ["/v1/models/a/load", "/v1/models/a/unload", "/v2/repository/models/a/load", "/v2/repository/models/a/unload"],
)
def test_no_spelling_of_a_route_lets_in_whoever_may_only_predict(serve, path, ending, keys):
    async def ask():
        async with serve(keys=keys) as http:
            answer = await http.post(path + ending, headers={"Authorization": "Bearer user"})
            return answer, (await http.get("/health")).json()

    answer, health = asyncio.run(ask())

    assert answer.status_code in (403, 404)
    assert (health["models_loaded"], health["generation"]) == (["a"], 0)


def test_a_body_is_bounded_here_too(serve):
    [refused, after] = answers(serve, ("/v2/repository/index", b" " * (8 * 2**20 + 1)), ("/v2/repository/index", b""))

    assert refused.status_code == 413
    assert "larger than 8.4 MB" in refused.json()["error"]
    assert after.status_code == 200


def test_a_client_that_leaves_is_no_failure(serve, capfd):
    async def leave():
        async with serve() as http:
            messages = iter([{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}])
            headers = [(b"authorization", b"Bearer root")]
            scope = {"type": "http", "method": "POST", "path": "/v2/repository/index", "headers": headers}

            async def receive():
                return next(messages)

            async def send(_):
                pass

            await http._transport.app(scope | {"query_string": b""}, receive, send)

    asyncio.run(leave())

    log = capfd.readouterr().err
    assert " code=499 " in log
    assert "ERROR" not in log
