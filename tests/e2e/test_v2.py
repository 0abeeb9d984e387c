"""V2 of the Open Inference Protocol, as a client of a real server sees it: the numbers of the native dialect."""

import json
from typing import Any

import httpx2
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from .estimators import Trained
from .servers import Server

Servers = dict[str, Server]
Models = dict[str, Trained]

LENGTH = "Inference-Header-Content-Length"

VALUES = {"FP64": 1.0, "BYTES": "Bonn"}


def tensor(name: str, values: Any) -> dict[str, Any]:
    array = np.asarray(values)
    datatype = "FP64" if array.dtype.kind == "f" else "BYTES"
    return {"name": name, "shape": array.shape, "datatype": datatype, "data": array.ravel().tolist()}


def tensors(model: Trained) -> list[dict[str, Any]]:
    """The rows of *model*: columns by name, in another order, or one tensor."""
    if isinstance(model.rows, pd.DataFrame):
        return [tensor(name, model.rows[name].to_numpy()) for name in model.rows.columns[::-1]]
    return [tensor("anything", model.rows)]


def raw(sent: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """The same tensor as raw bytes."""
    if sent["datatype"] == "FP64":
        content = np.array(sent["data"], dtype="<f8").tobytes()
    else:
        texts = [text.encode() for text in sent["data"]]
        content = b"".join(len(text).to_bytes(4, "little") + text for text in texts)
    bare = {key: value for key, value in sent.items() if key != "data"}
    return {**bare, "parameters": {"binary_data_size": len(content)}}, content


def outputs(response: httpx2.Response) -> dict[str, dict[str, Any]]:
    assert response.status_code == 200, response.text
    return {output["name"]: output for output in response.json()["outputs"]}


def infer(server: Server, name: str, message: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return outputs(server.client.post(f"/v2/models/{name}/infer", json=message))


@pytest.mark.parametrize("name", ["iris", "people", "texts", "many-labels", "many-numbers", "images", "only-labels"])
@pytest.mark.parametrize("is_binary", [False, True])
def test_answers_equal_the_native_ones(servers: Servers, trained: Models, name: str, is_binary: bool) -> None:
    model, server = trained[name], servers[name]
    native = server.client.post("/predict", json=next(iter(model.bodies().values()))).json()

    if is_binary:
        parts = [raw(sent) for sent in tensors(model)]
        document = json.dumps({"inputs": [sent for sent, _ in parts]}).encode()
        answer = outputs(
            server.client.post(
                f"/v2/models/{name}/infer",
                content=document + b"".join(content for _, content in parts),
                headers={LENGTH: str(len(document))},
            )
        )
    else:
        answer = infer(server, name, {"inputs": tensors(model)})

    read = {each: np.reshape(output["data"], output["shape"]).T.tolist() for each, output in answer.items()}
    for each in ("labels", "predictions"):
        assert read.get(each) == native.get(each)
    # One label a row is one output here, and one array there.
    wrap = (lambda each: each) if "probabilities-0" in read else (lambda each: [each])
    given = [each for each in answer if each.startswith("probabilities")]
    assert bool(given) == ("probabilities" in native)
    if given:
        assert [np.transpose(read[each]).tolist() for each in given] == wrap(native["probabilities"])
        assert [json.loads(answer[each]["parameters"]["classes"]) for each in given] == wrap(native["classes"])


def test_raw_bytes_come_back_where_they_are_asked_for(servers: Servers, trained: Models) -> None:
    message = {"inputs": tensors(trained["iris"]), "parameters": {"binary_data_output": True}}

    response = servers["iris"].client.post("/v2/models/iris/infer", json=message)

    length = int(response.headers[LENGTH])
    [probabilities, labels] = json.loads(response.content[:length])["outputs"]
    content, size_bytes = response.content[length:], probabilities["parameters"]["binary_data_size"]
    estimator, rows = trained["iris"].estimator, trained["iris"].rows
    assert response.headers["content-type"] == "application/octet-stream"
    assert_allclose(
        np.frombuffer(content[:size_bytes], "<f8").reshape(probabilities["shape"]), estimator.predict_proba(rows)
    )
    assert labels["datatype"] == "INT64"
    assert np.frombuffer(content[size_bytes:], "<i8").tolist() == estimator.predict(rows).tolist()


def test_an_answer_names_model_version_and_request(servers: Servers, trained: Models) -> None:
    message = {"id": "a\r\nX-Injected: 1", "inputs": tensors(trained["iris"]), "outputs": [{"name": "labels"}]}

    response = servers["iris"].client.post("/v2/models/iris/versions/2026.11/infer", json=message)

    answer = response.json()
    assert (answer["model_name"], answer["model_version"], answer["id"]) == ("iris", "2026.11", message["id"])
    assert [output["name"] for output in answer["outputs"]] == ["labels"]
    assert "x-injected" not in response.headers


def test_a_row_that_is_no_batch_is_told_the_shape(servers: Servers) -> None:
    message = {"inputs": [{"name": "input-0", "shape": [4], "datatype": "FP64", "data": [1, 2, 3, 4]}]}

    response = servers["iris"].client.post("/v2/models/iris/infer", json=message)

    assert response.status_code == 422
    assert response.json() == {"error": "input 'input-0': expected shape (-1, 4), got (4,)"}


@pytest.mark.parametrize(
    ("name", "inputs"),
    [
        ("iris", [("input-0", "FP64", [-1, 4])]),
        ("images", [("input-0", "FP64", [-1, 1, 3, 4])]),
        ("texts", [("text", "BYTES", [-1])]),
        (
            "people",
            [("age", "FP64", [-1]), ("city", "BYTES", [-1]), ("income", "FP64", [-1]), ("sex", "BYTES", [-1])],
        ),
    ],
)
def test_what_the_metadata_tells_is_what_the_model_takes(servers: Servers, name: str, inputs: list[Any]) -> None:
    metadata = servers[name].client.get(f"/v2/models/{name}").json()

    assert [(each["name"], each["datatype"], each["shape"]) for each in metadata["inputs"]] == inputs
    assert metadata["platform"] == "sklearn_estimator"
    answer = infer(
        servers[name],
        name,
        {
            "inputs": [
                tensor(each, np.full([abs(axis) for axis in shape], VALUES[kind])) for each, kind, shape in inputs
            ]
        },
    )
    for output in metadata["outputs"]:
        assert answer[output["name"]]["datatype"] == output["datatype"]
        assert answer[output["name"]]["shape"] == [abs(axis) for axis in output["shape"]]


def test_health_and_readiness_are_those_of_the_server_and_of_each_model(servers: Servers) -> None:
    get = servers["iris"].client.get

    assert get("/v2/health/live").json() == {"live": True}
    assert get("/v2/health/ready").json() == {"ready": True}
    assert get("/v2/models/iris/ready").json() == {"name": "iris", "ready": True}
    assert get("/v2/models/iris/versions/2026.11/ready").json() == {"name": "iris", "ready": True}
    assert get("/v2").json()["extensions"] == ["binary_tensor_data"]
    for path in ("rose", "rose/ready", "iris/versions/1", "iris/versions/1/ready"):
        assert get(f"/v2/models/{path}").status_code == 404
