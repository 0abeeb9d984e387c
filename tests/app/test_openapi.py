import json

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from model_deployment_app.app.docs import add
from model_deployment_app.app.keys import Keys
from model_deployment_app.app.openapi import Description
from model_deployment_app.engine.revision import Revision
from model_deployment_app.errors import ModelNotReady
from model_deployment_app.protocols import native, seldon, v1, v2
from model_deployment_app.signature import Signature, TensorSpec
from model_deployment_app.telemetry.exchange import Exchange
from model_deployment_app.telemetry.trace import join

ENDPOINTS = [*native.ENDPOINTS, *seldon.ENDPOINTS, *v1.ENDPOINTS, *v2.ENDPOINTS]
PREDICTIONS = (TensorSpec("predictions", "float64", (None,)),)


def revision(name: str, *columns: str, version: str = "1") -> Revision:
    inputs = (TensorSpec("input-0", "float64", (None, len(columns)), columns),)
    signature = Signature(inputs, PREDICTIONS, is_named=True)
    return Revision(name, version, "ab", signature, run=None, example=dict.fromkeys(columns, 0.5))


class FakeDataPlane:
    """Serves *revisions*; the models of *loading* are not ready."""

    def __init__(self, *revisions: Revision, loading: tuple[str, ...] = ()) -> None:
        self.revisions = {each.name: each for each in revisions}
        self._loading = loading

    def names(self) -> list[str]:
        return [*self.revisions, *self._loading]

    def revision(self, name: str) -> Revision:
        if name not in self.revisions:
            raise ModelNotReady(f"{name} is loading")
        return self.revisions[name]


def description(dataplane: FakeDataPlane, *, asks_for_keys: bool = False) -> Description:
    return Description(FastAPI(title="test"), ENDPOINTS, dataplane, asks_for_keys=asks_for_keys)


def request(document: bytes, path: str) -> dict:
    return json.loads(document)["paths"][path]["post"]["requestBody"]["content"]["application/json"]


def test_a_model_that_loads_is_described_as_any_model():
    document = description(FakeDataPlane(loading=("iris",))).document(root_path="", is_typed=True)

    assert request(document, "/predict")["schema"] == native.request(None)
    assert "examples" not in request(document, "/predict")
    assert "summary" not in json.loads(document)["info"]


def test_the_document_follows_the_models():
    dataplane = FakeDataPlane(loading=("iris",))
    described = description(dataplane)
    before = described.document(root_path="", is_typed=True)

    dataplane.revisions["iris"] = revision("iris", "age")
    loaded = described.document(root_path="", is_typed=True)
    dataplane.revisions["iris"] = revision("iris", "height", version="2")
    swapped = described.document(root_path="", is_typed=True)

    assert request(before, "/predict")["schema"] == native.request(None)
    assert request(loaded, "/predict")["examples"]["iris"]["value"] == {"instances": [{"age": 0.5}]}
    assert request(swapped, "/predict")["examples"]["iris"]["value"] == {"instances": [{"height": 0.5}]}


def test_a_path_with_a_name_is_described_for_every_model_and_one_without_for_the_first():
    document = description(FakeDataPlane(revision("iris", "age"), revision("rose", "height"))).document(
        root_path="", is_typed=True
    )

    operation = json.loads(document)["paths"]["/v1/models/{name}:predict"]["post"]
    assert operation["parameters"][0]["schema"]["enum"] == ["iris", "rose"]
    assert list(request(document, "/v1/models/{name}:predict")["examples"]) == ["iris", "rose"]
    assert list(request(document, "/predict")["examples"]) == ["iris"]


def test_links_are_below_the_prefix():
    described = description(FakeDataPlane(revision("iris", "age")))

    assert json.loads(described.document(root_path="/iris", is_typed=True))["servers"] == [{"url": "/iris"}]
    assert "servers" not in json.loads(described.document(root_path="", is_typed=True))


def test_keys_are_documented_where_they_are_asked_for():
    dataplane = FakeDataPlane(revision("iris", "age"))

    closed = json.loads(description(dataplane, asks_for_keys=True).document(root_path="", is_typed=True))
    open_to_all = json.loads(description(dataplane).document(root_path="", is_typed=True))

    assert set(closed["components"]["securitySchemes"]) == {"bearer", "x-api-key"}
    assert closed["paths"]["/predict"]["post"]["security"] == [{"bearer": []}, {"x-api-key": []}]
    assert {"401", "403"} <= set(closed["paths"]["/predict"]["post"]["responses"])
    assert "security" not in open_to_all["paths"]["/predict"]["post"]
    assert "securitySchemes" not in open_to_all.get("components", {})


@pytest.mark.parametrize(
    ("headers", "is_told"),
    [
        ({}, False),
        ({"x-api-key": "wrong"}, False),
        ({"x-api-key": "größe".encode()}, False),
        ({"x-api-key": "right"}, True),
        ({"authorization": "Bearer right"}, True),
    ],
)
def test_whoever_has_no_key_is_told_nothing_of_the_models(headers, is_told):
    app = FastAPI(openapi_url=None)
    keys = Keys({"API_KEYS": "right"})
    add(app, description(FakeDataPlane(revision("iris", "girth")), asks_for_keys=keys.are_asked_for), keys)

    async def in_an_exchange(scope, receive, send):
        await app({**scope, "exchange": Exchange(join(None))}, receive, send)

    answer = TestClient(in_an_exchange).get("/openapi.json", headers=headers)

    assert answer.status_code == 200
    assert ("girth" in answer.text, "0.5" in answer.text) == (is_told, is_told)
