"""What a client of Seldon Core sees of a real server: the numbers that V1 gives, with names."""

from typing import Any

import numpy as np
import pytest

from .estimators import Trained
from .servers import Server

Servers = dict[str, Server]
Models = dict[str, Trained]

NUMBERS = ["iris", "many-labels", "many-numbers", "only-labels", "images"]


def ask(server: Server, data: dict[str, Any]) -> Any:
    response = server.client.post("/api/v1.0/predictions", json={"data": data})
    assert response.status_code == 200, response.text
    return response.json()["data"]


def v1(server: Server, model: Trained) -> Any:
    path = f"/v1/models/{model.config['name']}:predict"
    return server.client.post(path, json={"instances": model.plain_rows()}).json()["predictions"]


@pytest.mark.parametrize("name", [*NUMBERS, "people", "texts"])
def test_an_ndarray_is_answered_by_the_predictions_of_v1(servers: Servers, trained: Models, name: str) -> None:
    model = trained[name]

    answer = ask(servers[name], {"names": [], "ndarray": model.plain_rows()})

    assert answer["ndarray"] == v1(servers[name], model)


@pytest.mark.parametrize("name", ["iris", "many-numbers", "images"])
def test_a_tensor_is_answered_by_a_tensor_of_the_same_numbers(servers: Servers, trained: Models, name: str) -> None:
    model = trained[name]
    rows = np.asarray(model.rows)

    answer = ask(servers[name], {"tensor": {"shape": list(rows.shape), "values": rows.ravel().tolist()}})

    expected = np.array(v1(servers[name], model))
    assert answer["tensor"] == {"shape": list(expected.shape), "values": expected.ravel().tolist()}


def test_columns_may_come_in_any_order(servers: Servers, trained: Models) -> None:
    model = trained["people"]
    turned = model.rows[model.rows.columns[::-1]]

    data = {"names": list(turned.columns), "ndarray": turned.astype(object).to_numpy().tolist()}
    answer = ask(servers["people"], data)

    assert answer == {"names": ["predictions"], "ndarray": v1(servers["people"], model)}


def test_classes_are_names_as_strings(servers: Servers, trained: Models) -> None:
    assert ask(servers["iris"], {"ndarray": trained["iris"].plain_rows()})["names"] == ["0", "1", "2"]
    assert ask(servers["texts"], {"ndarray": ["good"]})["names"] == ["down", "up"]
