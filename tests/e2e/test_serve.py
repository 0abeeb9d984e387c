"""What a client of a real server sees: the numbers of the estimator, in every form, and who answered."""

import hashlib
import json
import os
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from .estimators import Trained
from .servers import Server, running
from .waiting import WaitingClassifier

Servers = dict[str, Server]
Models = dict[str, Trained]

NUMBERS = ["iris", "many-labels", "many-numbers", "only-labels", "images"]
FORMS = [(name, "rows") for name in NUMBERS] + [("people", form) for form in ("rows", "records", "columns")]
FORMS += [("texts", "text")]
V1_FORMS = [(name, form) for name, form in FORMS if form != "columns"]


def post(server: Server, path: str, body: object) -> Any:
    response = server.client.post(path, json=body)
    assert response.status_code == 200, response.text
    return response.json()


@pytest.mark.parametrize("path", ["/predict", "/v1/predict"])
@pytest.mark.parametrize(("name", "form"), FORMS)
def test_native_answers_equal_those_in_process(
    servers: Servers, trained: Models, name: str, form: str, path: str
) -> None:
    model = trained[name]

    answer = post(servers[name], path, model.bodies()[form])

    # Several outputs are one array each, in the order of the columns of predict.
    expected = np.asarray(model.estimator.predict(model.rows)).T
    if model.config["job"] == "regression":
        assert_allclose(answer["predictions"], expected, rtol=1e-12)
        assert set(answer) == {"model", "predictions"}
    else:
        assert answer["labels"] == expected.tolist()


@pytest.mark.parametrize(
    ("name", "form"), [case for case in FORMS if case[0] in ("iris", "texts", "many-labels", "images")]
)
def test_native_probabilities_equal_those_in_process(servers: Servers, trained: Models, name: str, form: str) -> None:
    model = trained[name]

    answer = post(servers[name], "/predict", model.bodies()[form])

    expected = model.estimator.predict_proba(model.rows)
    classes = model.estimator.classes_
    if name == "many-labels":
        assert answer["classes"] == [each.tolist() for each in classes]
        assert len(answer["probabilities"]) == len(expected) == 2
        for given, wanted in zip(answer["probabilities"], expected, strict=True):
            assert_allclose(given, wanted, rtol=1e-12)
    else:
        assert answer["classes"] == classes.tolist()
        assert_allclose(answer["probabilities"], expected, rtol=1e-12)
    assert set(answer) == {"model", "probabilities", "classes", "labels"}


@pytest.mark.parametrize(("name", "form"), V1_FORMS)
def test_v1_answers_one_prediction_an_instance(servers: Servers, trained: Models, name: str, form: str) -> None:
    model = trained[name]

    answer = post(servers[name], f"/v1/models/{name}:predict", model.bodies()[form])

    assert set(answer) == {"predictions"}
    if name == "only-labels":
        assert answer["predictions"] == model.estimator.predict(model.rows).tolist()
    elif model.config["job"] == "regression":
        assert_allclose(answer["predictions"], model.estimator.predict(model.rows), rtol=1e-12)
    elif name == "many-labels":
        by_output = model.estimator.predict_proba(model.rows)
        for row, prediction in enumerate(answer["predictions"]):
            assert len(prediction) == len(by_output)
            for given, wanted in zip(prediction, by_output, strict=True):
                assert_allclose(given, wanted[row], rtol=1e-12)
    else:
        assert_allclose(answer["predictions"], model.estimator.predict_proba(model.rows), rtol=1e-12)


def test_output_label_answers_labels_alone(servers: Servers, trained: Models) -> None:
    model = trained["only-labels"]

    answer = post(servers["only-labels"], "/predict", model.bodies()["rows"])

    assert set(answer) == {"model", "labels", "classes"}
    assert answer["classes"] == ["setosa", "versicolor", "virginica"]


def test_one_row_is_answered_like_many(servers: Servers, trained: Models) -> None:
    model = trained["people"]
    [first, *_] = model.plain_rows()

    answer = post(servers["people"], "/predict", {"instances": [first]})

    assert_allclose(answer["predictions"], model.estimator.predict(model.rows.head(1)), rtol=1e-12)


def test_an_unknown_category_is_answered_as_in_process(servers: Servers, trained: Models) -> None:
    model = trained["people"]
    abroad = model.rows.assign(city="Paris")

    answer = post(servers["people"], "/predict", {"instances": abroad.to_dict("records")})

    assert_allclose(answer["predictions"], model.estimator.predict(abroad), rtol=1e-12)


def test_an_answer_names_the_model_its_version_and_its_digest(servers: Servers, trained: Models) -> None:
    artifact = servers["iris"].log.parent / trained["iris"].file
    digest = hashlib.sha256(artifact.read_bytes()).hexdigest()

    answer = post(servers["iris"], "/predict", trained["iris"].bodies()["rows"])

    assert answer["model"] == {"name": "iris", "version": "2026.11", "sha256": digest}


def test_a_version_that_nobody_gave_is_the_start_of_the_digest(servers: Servers, trained: Models) -> None:
    answer = post(servers["people"], "/predict", trained["people"].bodies()["rows"])

    assert answer["model"]["version"] == answer["model"]["sha256"][:12]


def test_probes_and_people_are_told_what_runs(servers: Servers, trained: Models) -> None:
    get = servers["iris"].client.get
    sha256 = hashlib.sha256((servers["iris"].log.parent / trained["iris"].file).read_bytes()).hexdigest()
    model = {"name": "iris", "version": "2026.11", "sha256": sha256, "verified": False}

    assert get("/livez").json() == {"status": "alive"}
    assert get("/readyz").json() == {"status": "ready", "models": [model]}
    assert get("/health").json() == {
        "status": "ok",
        "models_loaded": ["iris"],
        "models": [model],
        "failures": [],
        "generation": 0,
        "app_version": version("model-deployment-app"),
    }


def test_v1_lists_and_describes_the_model(servers: Servers) -> None:
    get = servers["iris"].client.get

    assert get("/v1/models").json() == {"models": ["iris"]}
    assert get("/v1/models/iris").json() == {"name": "iris", "ready": True}
    assert get("/v1/models/tulip").status_code == 404


def test_docs_are_served_with_the_version_of_the_package(servers: Servers) -> None:
    page = servers["iris"].client.get("/docs")
    document = servers["iris"].client.get("/openapi.json").json()

    assert page.status_code == 200
    assert document["info"]["version"] == version("model-deployment-app")
    assert {"/predict", "/v1/predict", "/v1/models/{name}:predict", "/health"} <= set(document["paths"])


@pytest.mark.parametrize("path", ["/docs", "/openapi.json", "/redoc"])
def test_docs_that_are_switched_off_are_not_there(servers: Servers, path: str) -> None:
    response = servers["only-labels"].client.get(path)

    assert response.status_code == 404


def test_sigterm_ends_the_server_with_status_0(trained: Models, tmp_path: Path) -> None:
    with running(trained["iris"].publish(tmp_path), tmp_path) as server:
        server.until(server.is_ready)

        status = server.stop()

        assert status == 0
        assert "Traceback" not in server.log.read_text()


def test_a_model_that_is_slow_to_load_is_alive_at_once_and_ready_only_later(trained: Models, tmp_path: Path) -> None:
    iris = trained["iris"]
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    model = Trained(WaitingClassifier(iris.estimator), iris.rows, "slow.joblib", iris.dump, iris.config)
    config = model.publish(tmp_path)
    config["model"]["trustedTypes"] = [f"{WaitingClassifier.__module__}.WaitingClassifier"]
    # The class is found where this test found it.
    environment = {"GATE": str(gate), "PYTHONPATH": str(Path(__file__).parents[1])}

    with running(config, tmp_path, environment=environment) as server:
        server.until(server.answers)
        readiness = server.client.get("/readyz")
        health = server.client.get("/health")
        native = server.client.post("/predict", json=iris.bodies()["rows"])
        v1 = server.client.post("/v1/models/iris:predict", json=iris.bodies()["rows"])
        described = server.client.get("/v1/models/iris")
        gate.write_text("open")
        server.until(server.is_ready)
        answer = post(server, "/predict", iris.bodies()["rows"])

    assert [response.status_code for response in (readiness, native, v1, described)] == [503] * 4
    assert all(int(response.headers["retry-after"]) > 0 for response in (readiness, native, v1, described))
    assert readiness.json()["code"] == "Loading"
    assert native.json()["error"] == {"code": "ModelNotReady", "message": "iris is loading"}
    assert v1.json() == {"error": "iris is loading"}
    assert (health.status_code, health.json()["models_loaded"]) == (200, [])
    assert_allclose(answer["probabilities"], iris.estimator.predict_proba(iris.rows), rtol=1e-12)


def test_the_log_quotes_no_row(servers: Servers, trained: Models) -> None:
    secret = "Xanadu-4711"
    body = {"instances": [[20.0, secret, secret, "f"]]}

    response = servers["people"].client.post("/predict", content=json.dumps(body))

    assert response.status_code == 422
    assert secret not in response.text
    assert secret not in servers["people"].log.read_text()
