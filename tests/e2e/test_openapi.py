"""The server keeps to the word of its own /openapi.json, whatever is generated from it."""

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from jsonschema import Draft202012Validator
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from .servers import Server

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]

# Of schemathesis' own strategies, at times.
pytestmark = pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisDeprecationWarning")

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


@pytest.fixture(scope="module")
def schemas(servers: dict[str, Server]) -> dict[str, schemathesis.BaseSchema]:
    """What a server of numbers and one of mixed columns document."""
    return {name: schemathesis.openapi.from_url(f"{servers[name].url}/openapi.json") for name in ("iris", "people")}


def test_every_documented_operation_is_tried_here(schemas: dict[str, schemathesis.BaseSchema]) -> None:
    documented = [result.ok() for result in schemas["iris"].get_all_operations()]

    assert {(operation.method.upper(), operation.path) for operation in documented} == {
        (method, path) for method, path, _ in OPERATIONS
    }


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
    cases = schemas[name][path][method].as_strategy(generation_mode=mode)

    # The same examples in every run, and none kept from an earlier one.
    @settings(max_examples=40, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(cases)
    def answers_as_documented(case: schemathesis.Case) -> None:
        case.call_and_validate(checks=CHECKS)

    answers_as_documented()
