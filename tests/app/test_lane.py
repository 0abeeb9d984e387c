"""Who is let in where, over ASGI, before anything else is looked at."""

import asyncio
from contextlib import asynccontextmanager

import httpx2
import joblib
import pytest
from sklearn.linear_model import LinearRegression

from model_deployment_app.app import create_app
from model_deployment_app.app.keys import Keys
from model_deployment_app.settings import Settings

KEY = {"X-Api-Key": "predicts"}
ADMIN_KEY = {"Authorization": "Bearer administers"}
ROW = b'{"instances": [[1, 2]]}'

OPEN = [
    "/",
    "/livez",
    "/readyz",
    "/health",
    "/metrics",
    "/docs",
    "/docs/",
    "/docs/swagger-ui-bundle.js",
    "/docs/swagger-ui.css",
    "/openapi.json",
    "/v2/health/live",
    "/v2/health/ready",
]
OPEN += ["/v2/models/sum/ready", "/v2/models/sum/versions/1/ready"]


@pytest.fixture
def serve(tmp_path):
    @asynccontextmanager
    async def client(root_path=""):
        joblib.dump(LinearRegression().fit([[1, 0], [0, 1]], [1, 1]), tmp_path / "model.joblib")
        model = {"method": "LOCAL", "path": str(tmp_path / "model.joblib")}
        settings = Settings(modelType="joblib", job="regression", model=model, name="sum")
        keys = Keys({"API_KEYS": "predicts", "ADMIN_API_KEYS": "administers"})
        refusals = []
        app = create_app(settings, cache_dir=tmp_path, on_refusal=refusals.append, keys=keys, root_path=root_path)
        async with app.router.lifespan_context(app):
            transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
            async with httpx2.AsyncClient(transport=transport, base_url="http://model") as http:
                while (await http.get("/readyz")).status_code != 200:
                    await asyncio.sleep(0.005)
                yield http

    return client


def ask(serve, *requests, root_path=""):
    """Send requests as (method, path, headers) and return what came back."""

    async def run():
        async with serve(root_path) as http:
            return [await http.request(method, path, content=ROW, headers=given) for method, path, given in requests]

    return asyncio.run(run())


@pytest.mark.parametrize("root_path", ["", "/iris"])
def test_probes_and_pages_need_no_key_under_a_prefix_either(serve, root_path):
    answers = ask(serve, *(("GET", root_path + path, {}) for path in OPEN), root_path=root_path)

    assert {answer.status_code for answer in answers} <= {200, 404}


@pytest.mark.parametrize(
    "path",
    [
        "/predict",
        "/v1/predict",
        "/v1/models",
        "/v1/models/sum",
        "/v1/models/sum/passport",
        "/v1/models/sum:predict",
        "/v2",
        "/v2/models/sum",
        "/v2/models/sum/infer",
        "/v2/repository/index",
        "/nothing",
        "/livez/",
        "/livez/x",
        "/livez%0A",
        "/livez%00",
        "/livez;x",
        "/Livez",
        "/%2Flivez",
        "/livez/../predict",
        "/livez%2F..%2Fpredict",
        "/livez%2E",
        "/health/live",
        "/docs/oauth2-redirect",
        "/predict?x=/livez",
        "/predict/livez",
        "/v2/health/live%0A",
        "/v2/models/x/ready/../infer",
        "/v2/models/a%2Fb/ready",
        "/v2/models/sum/ready/infer",
        "/v2/models//ready",
        "/v1/models/x/ready",
        "/v1/models//livez:predict",
        "/iris/livez",
        "/irislivez",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "OPTIONS", "PUT"])
def test_everything_else_needs_one(serve, method, path):
    [answer] = ask(serve, (method, path, {}))

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("path", ["/iris/iris/livez", "/iris/predict", "/irisx/livez", "/predict", "/iris//livez"])
def test_a_prefix_opens_nothing(serve, path):
    [answer] = ask(serve, ("POST", path, {}), root_path="/iris")

    assert answer.status_code == 401


@pytest.mark.parametrize("headers", [KEY, ADMIN_KEY])
def test_a_key_opens_what_is_behind(serve, headers):
    answers = ask(
        serve, ("POST", "/predict", headers), ("GET", "/v1/models/sum", headers), ("GET", "/nothing", headers)
    )

    assert [answer.status_code for answer in answers] == [200, 200, 404]


def test_every_dialect_refuses_in_its_own_envelope(serve):
    [native, v1, other] = ask(
        serve, ("POST", "/predict", {}), ("POST", "/v1/models/sum:predict", {}), ("GET", "/v1/models", {})
    )

    message = "an API key is missing: send Authorization: Bearer KEY, or x-api-key: KEY"
    assert native.json() == {"error": {"code": "Unauthenticated", "message": message}}
    assert v1.json() == other.json() == {"error": message}


def test_a_key_for_predictions_is_forbidden_where_one_administers(serve):
    path = "/v2/repository/index"

    [forbidden, admitted] = ask(serve, ("POST", path, KEY), ("POST", path, ADMIN_KEY))

    assert forbidden.status_code == 403
    assert "is for predictions, not for administration" in forbidden.json()["error"]
    assert "www-authenticate" not in forbidden.headers
    assert admitted.status_code not in (401, 403)


@pytest.mark.parametrize("name", ["x-api-key", "authorization"])
def test_a_header_that_is_given_twice_is_refused(serve, name):
    key = "predicts" if name == "x-api-key" else "Bearer predicts"

    [answer] = ask(serve, ("POST", "/predict", [(name, "another"), (name, key)]))

    assert answer.status_code == 401
    assert "given twice" in answer.json()["error"]["message"]


def test_the_metrics_count_by_the_id_of_a_key(serve):
    [*_, metrics] = ask(
        serve, ("POST", "/predict", KEY), ("POST", "/predict", {"X-Api-Key": "x"}), ("GET", "/metrics", {})
    )

    lines = [line for line in metrics.text.splitlines() if line.startswith("model_serving_key_requests_total{")]
    assert len(lines) == 1
    assert lines[0].startswith('model_serving_key_requests_total{key_id="')
    assert "predicts" not in metrics.text
