import pytest
from fastapi import FastAPI, Request
from starlette.testclient import TestClient

from model_deployment_app.app.prefix import PathPrefix


@pytest.fixture
def client():
    app = FastAPI()

    @app.get("/health")
    async def health(request: Request):
        return {"link": str(request.url_for("health")), "root_path": request.scope["root_path"]}

    @app.get("/team")
    async def team():
        return {}

    app.add_middleware(PathPrefix, prefix="/team/iris/")
    return TestClient(app)


@pytest.mark.parametrize("path", ["/health", "/team/iris/health"])
def test_a_route_is_served_with_the_prefix_and_without_it(client, path):
    answer = client.get(path)

    assert answer.json() == {"link": "http://testserver/team/iris/health", "root_path": "/team/iris"}


@pytest.mark.parametrize("path", ["/team/irisx/health", "/team/iris/team/iris/health", "/team/iris/nothing"])
def test_a_path_that_only_looks_like_it_is_not_served(client, path):
    assert client.get(path).status_code == 404


def test_a_route_may_begin_like_the_prefix(client):
    assert client.get("/team").status_code == 200


def test_the_docs_ask_for_their_schema_where_the_browser_can_reach_it(client):
    for path in ("/docs", "/team/iris/docs"):
        assert "'/team/iris/openapi.json'" in client.get(path).text
    assert client.get("/team/iris/openapi.json").json()["servers"] == [{"url": "/team/iris"}]


@pytest.mark.parametrize(
    ("prefix", "root_path"), [("", ""), ("/", ""), ("//", ""), ("iris", "/iris"), ("//iris/", "/iris")]
)
def test_a_prefix_begins_with_one_slash_and_ends_with_none(prefix, root_path):
    app = FastAPI()

    @app.get("/health")
    async def health(request: Request):
        return request.scope["root_path"]

    app.add_middleware(PathPrefix, prefix=prefix)

    assert TestClient(app).get("/health").json() == root_path
