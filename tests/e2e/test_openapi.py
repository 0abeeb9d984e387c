"""The server keeps to the word of its own /openapi.json, whatever is generated from it."""

from collections.abc import Iterator, Mapping

import pytest
import schemathesis
from constants import publish
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import SearchStrategy
from jsonschema import Draft202012Validator
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from .servers import Server, running

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]

# Of schemathesis' own strategies, at times.
pytestmark = pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisDeprecationWarning")

ROOT = {"Authorization": "Bearer root"}

POSITIVE, NEGATIVE = GenerationMode.POSITIVE, GenerationMode.NEGATIVE

#: Every operation, with requests as documented; where there is a body, with others as well.
OPERATIONS = [
    ("POST", "/predict", POSITIVE),
    ("POST", "/predict", NEGATIVE),
    ("POST", "/v1/predict", POSITIVE),
    ("POST", "/v1/predict", NEGATIVE),
    ("POST", "/v1/models/{name}:predict", POSITIVE),
    ("POST", "/v1/models/{name}:predict", NEGATIVE),
    ("POST", "/api/v1.0/predictions", POSITIVE),
    ("POST", "/api/v1.0/predictions", NEGATIVE),
    ("POST", "/v2/models/{name}/infer", POSITIVE),
    ("POST", "/v2/models/{name}/infer", NEGATIVE),
    ("POST", "/v2/models/{name}/versions/{version}/infer", POSITIVE),
    ("POST", "/v2/models/{name}/versions/{version}/infer", NEGATIVE),
    ("GET", "/v2", POSITIVE),
    ("GET", "/v2/health/live", POSITIVE),
    ("GET", "/v2/health/ready", POSITIVE),
    ("GET", "/v2/models/{name}", POSITIVE),
    ("GET", "/v2/models/{name}/ready", POSITIVE),
    ("GET", "/v2/models/{name}/versions/{version}", POSITIVE),
    ("GET", "/v2/models/{name}/versions/{version}/ready", POSITIVE),
    ("GET", "/v1/models", POSITIVE),
    ("GET", "/v1/models/{name}", POSITIVE),
    ("GET", "/v1/models/{name}/passport", POSITIVE),
    ("GET", "/health", POSITIVE),
    ("GET", "/livez", POSITIVE),
    ("GET", "/readyz", POSITIVE),
    ("GET", "/metrics", POSITIVE),
]


#: Those that are documented beside them where models may be loaded and unloaded by request.
ADMINISTRATION = [
    "/v1/models/{name}/load",
    "/v1/models/{name}/unload",
    "/v2/repository/index",
    "/v2/repository/models/{name}/load",
    "/v2/repository/models/{name}/unload",
]


@pytest.fixture(scope="module")
def administered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[schemathesis.BaseSchema]:
    """What a server of two models documents whose models may be loaded and unloaded."""
    folder = tmp_path_factory.mktemp("administered")
    models = []
    for number, name in enumerate(("one", "two")):
        publish(number, folder / name)
        model = {"method": "LOCAL", "path": str(folder / name)}
        models.append({"name": name, "modelType": "joblib", "job": "regression", "model": model})
    config = {"models": models, "repository": {"loadUnload": True}}
    with running(config, folder, environment={"ADMIN_API_KEYS": "root"}) as server:
        server.until(server.is_ready)
        yield schemathesis.openapi.from_url(f"{server.url}/openapi.json", headers=ROOT)


@pytest.fixture(scope="module")
def schemas(servers: dict[str, Server]) -> dict[str, schemathesis.BaseSchema]:
    """What a server of numbers and one of mixed columns document."""
    return {name: schemathesis.openapi.from_url(f"{servers[name].url}/openapi.json") for name in ("iris", "people")}


def test_every_documented_operation_is_tried_here(schemas: dict[str, schemathesis.BaseSchema]) -> None:
    documented = [result.ok() for result in schemas["iris"].get_all_operations()]

    assert {(operation.method.upper(), operation.path) for operation in documented} == {
        (method, path) for method, path, _ in OPERATIONS
    }


def test_administration_is_documented_where_it_is_on(administered: schemathesis.BaseSchema) -> None:
    administered.validate()
    documented = {operation.path for operation in (result.ok() for result in administered.get_all_operations())}

    assert documented == {path for _, path, _ in OPERATIONS} | set(ADMINISTRATION)
    assert administered.raw_schema["info"]["summary"].count(" column to predictions") == 2


@pytest.mark.parametrize("name", [None, "two"])
@pytest.mark.parametrize("path", ADMINISTRATION)
def test_administration_answers_as_documented(
    administered: schemathesis.BaseSchema, path: str, name: str | None
) -> None:
    cases = administered[path]["POST"].as_strategy(generation_mode=POSITIVE)

    _try(cases if name is None else cases.map(lambda case: _about(name, case)), headers=ROOT)


def _about(name: str, case: schemathesis.Case) -> schemathesis.Case:
    """*case* for a model that there is: the document leaves names of these routes to be guessed."""
    if case.path_parameters:
        case.path_parameters["name"] = name
    return case


@pytest.mark.parametrize("name", ["iris", "people", "texts", "images", "many-labels", "many-numbers"])
def test_the_example_of_every_predict_route_is_answered_as_documented(servers: dict[str, Server], name: str) -> None:
    client = servers[name].client
    document = client.get("/openapi.json").json()
    schemathesis.openapi.from_dict(document).validate()
    routes = {path: each["post"] for path, each in document["paths"].items() if "requestBody" in each.get("post", {})}
    assert set(routes) == {path for method, path, _ in OPERATIONS if method == "POST"}

    for path, operation in routes.items():
        request = operation["requestBody"]["content"]["application/json"]
        [example] = request["examples"].values()
        placeholders = {each["name"]: each["schema"]["enum"][0] for each in operation["parameters"]}
        response = client.post(path.format(**placeholders), json=example["value"])

        assert response.status_code == 200, (path, response.text)
        Draft202012Validator(request["schema"]).validate(example["value"])
        answer = operation["responses"]["200"]["content"]["application/json"]["schema"]
        Draft202012Validator(answer).validate(response.json())


def test_the_document_names_columns_and_classes(servers: dict[str, Server]) -> None:
    people = servers["people"].client.get("/openapi.json").json()
    texts = servers["texts"].client.get("/openapi.json").json()

    rows = people["paths"]["/v1/models/{name}:predict"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    [array, record] = rows["properties"]["instances"]["items"]["anyOf"]
    assert [cell["title"] for cell in array["prefixItems"]] == ["age", "city", "income", "sex"]
    assert record["properties"]["city"] == {"type": ["string", "null"]}
    assert texts["info"]["summary"].endswith(": text to the classes 'down', 'up'")


@pytest.mark.parametrize(("method", "path", "mode"), OPERATIONS)
@pytest.mark.parametrize("name", ["iris", "people"])
def test_answers_are_as_documented(
    schemas: dict[str, schemathesis.BaseSchema], name: str, method: str, path: str, mode: GenerationMode
) -> None:
    _try(schemas[name][path][method].as_strategy(generation_mode=mode))


def _try(cases: SearchStrategy[schemathesis.Case], *, headers: Mapping[str, str] | None = None) -> None:
    # The same examples in every run, and none kept from an earlier one.
    @settings(max_examples=40, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(cases)
    def answers_as_documented(case: schemathesis.Case) -> None:
        case.call_and_validate(checks=CHECKS, headers=headers)

    answers_as_documented()
