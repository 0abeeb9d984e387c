"""A server behind an Ingress, which takes the prefix off or leaves it: the same to a client, and to a browser."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from numpy.testing import assert_allclose

from .estimators import Trained
from .proxy import proxy
from .servers import Server, running

PREFIX = "/team/iris"
ROUTES = ["/livez", "/readyz", "/health", "/metrics", "/openapi.json", "/docs", "/docs/", "/docs/swagger-ui.css"]
ROUTES += ["/docs/swagger-ui-bundle.js", "/v1/models", "/v1/models/people", "/v1/models/people/passport", "/nothing"]

Models = dict[str, Trained]


@pytest.fixture(scope="module")
def server(trained: Models, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("prefix")
    config = trained["people"].publish(folder)
    with running(config, folder, environment={"ROOT_PATH": PREFIX}) as started:
        started.until(started.is_ready)
        yield started


@pytest.fixture(scope="module", params=[True, False], ids=["rewrite", "no-rewrite"])
def outside(server: Server, request: pytest.FixtureRequest) -> Iterator[httpx2.Client]:
    """A client on the other side of a proxy."""
    with (
        proxy(server.port, PREFIX, rewrites=request.param) as address,
        httpx2.Client(base_url=address, timeout=30, trust_env=False) as client,
    ):
        yield client


@pytest.mark.parametrize("path", ROUTES)
def test_every_route_answers_as_it_does_inside(server: Server, outside: httpx2.Client, path: str) -> None:
    inside = server.client.get(path)

    through = outside.get(PREFIX + path)

    assert through.status_code == inside.status_code
    assert through.headers["content-type"] == inside.headers["content-type"]
    if path != "/metrics":
        assert through.content == inside.content


@pytest.mark.parametrize("path", ROUTES)
def test_head_is_get_without_the_body(outside: httpx2.Client, path: str) -> None:
    response = outside.head(PREFIX + path)

    assert response.status_code == outside.get(PREFIX + path).status_code
    assert response.content == b""


@pytest.mark.parametrize("path", ["/predict", "/v1/predict", "/v1/models/people:predict"])
def test_predictions_come_through(outside: httpx2.Client, trained: Models, path: str) -> None:
    model = trained["people"]

    answer = outside.post(PREFIX + path, json=model.bodies()["records"]).json()

    assert_allclose(answer["predictions"], model.estimator.predict(model.rows), rtol=1e-12)


@pytest.mark.parametrize("path", ["", "/"])
def test_the_root_leads_to_the_docs_whatever_host_the_proxy_has(outside: httpx2.Client, path: str) -> None:
    browser = {"Host": "models.example.com", "Accept": "text/html,application/xhtml+xml"}

    response = outside.get(PREFIX + path, headers=browser)

    assert response.status_code == 307
    assert response.headers["location"] == f"{PREFIX}/docs"


def test_the_docs_load_from_below_the_prefix(outside: httpx2.Client) -> None:
    page = outside.get(f"{PREFIX}/docs").text

    loaded = re.findall(r"""(?:href|src)="(/[^"]*)"|url: '(/[^']*)'""", page)
    addresses = ["".join(each) for each in loaded]
    assert len(addresses) == 3
    assert [outside.get(address).status_code for address in addresses] == [200] * 3
    assert "http" not in page
    assert outside.get(f"{PREFIX}/openapi.json").json()["servers"] == [{"url": PREFIX}]


@pytest.mark.parametrize("path", ["/health/", "/predict/", "/v1/models/", "/openapi.json/"])
def test_a_slash_at_the_end_is_another_path_and_no_redirect(outside: httpx2.Client, path: str) -> None:
    response = outside.get(PREFIX + path)

    assert response.status_code == 404
    assert response.json() == {"error": "Not Found"}


@pytest.mark.parametrize("path", [PREFIX + PREFIX, f"{PREFIX}x", "/team", "/team/iri", f"/x{PREFIX}", "//team/iris"])
def test_a_path_that_looks_like_the_prefix_is_none(server: Server, path: str) -> None:
    response = server.client.get(f"{path}/health")

    assert response.status_code == 404
    assert list(response.json()) == ["error"]


@pytest.mark.parametrize(
    "name", ["tulip", "%F0%9F%8E%88", "a%2Fb", "..%2Firis", "%22%3E%3Cscript%3E", "team%2Firis", "people%00", "a:b"]
)
def test_an_odd_name_is_looked_up_and_not_found(outside: httpx2.Client, name: str) -> None:
    response = outside.post(f"{PREFIX}/v1/models/{name}:predict", json={"instances": [[1]]})

    assert response.status_code == 404
    assert response.json()["error"].startswith("no model is named ")


def rendered(address: str, folder: Path) -> tuple[str, Path]:
    """What a browser makes of the page: its document, and a picture of it."""
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("no chromium: apt-get install chromium")
    picture = folder / "page.png"
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    command += [f"--user-data-dir={folder}/profile", "--window-size=1200,2000", "--virtual-time-budget=20000"]
    ran = subprocess.run(
        [*command, "--dump-dom", f"--screenshot={picture}", address], capture_output=True, timeout=120, check=True
    )
    return ran.stdout.decode(), picture


def test_a_browser_shows_the_columns_of_the_model(outside: httpx2.Client, tmp_path: Path) -> None:
    page, picture = rendered(f"{outside.base_url}{PREFIX}/docs#/predict/v1_models_name_predict", tmp_path)

    text = re.sub(r"<[^>]*>", "", page)
    assert "people (regression)" in text
    assert "4 columns to predictions" in text
    for column in ("age", "city", "income", "sex"):
        assert f'"{column}"' in text.replace("&quot;", '"')
    assert picture.stat().st_size > 10_000


def test_the_example_of_the_docs_is_answered(outside: httpx2.Client) -> None:
    document: Any = outside.get(f"{PREFIX}/openapi.json").json()
    [server] = document["servers"]
    content = document["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]

    response = outside.post(f"{server['url']}/predict", content=json.dumps(content["examples"]["people"]["value"]))

    assert response.status_code == 200
