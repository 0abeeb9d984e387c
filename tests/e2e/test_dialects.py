"""One model behind every dialect: the same rows get the same numbers, the same bad rows the same class of status."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http import HTTPStatus
from typing import Any

import grpc
import httpx2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model_deployment_app.protocols import _messages as messages
from model_deployment_app.protocols._datatypes import from_raw, to_raw

from .estimators import Trained
from .grpc_servers import GrpcServer, serving

Row = list[Any]
Table = list[Row]
#: The numbers of an answer, or the class of its status: 4 for a client's fault.
Answer = list[Any] | int
Ask = Callable[[GrpcServer, str, Table], Answer]

COLUMNS = {"iris": None, "people": ["age", "city", "income", "sex"]}

LENGTH = "Inference-Header-Content-Length"

# The same examples in every run, and none kept from an earlier one.
quick = settings(
    max_examples=40, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
)

floats = st.floats(-1e6, 1e6)
rows_of = {
    "iris": st.lists(st.lists(floats, min_size=4, max_size=4), min_size=1, max_size=5),
    "people": st.lists(
        st.tuples(
            floats, st.sampled_from(["Berlin", "Ulm", "nowhere", "ünïcode 🎈", ""]), floats, st.text(max_size=5)
        ).map(list),
        min_size=1,
        max_size=5,
    ),
}
bad_cells = {
    "iris": st.sampled_from(["text", "1.5", True, [], {}, 10**400]),
    "people": st.sampled_from([[], {}, ["Bonn"]]),
}


def answer(response: httpx2.Response, numbers: Callable[[Any], list[Any]]) -> Answer:
    return numbers(response.json()) if response.status_code == HTTPStatus.OK else response.status_code // 100


def columns(name: str, table: Table) -> dict[str, list[Any]]:
    """By name, in another order than the estimator's; of no names, all rows under one."""
    names = COLUMNS[name]
    if names is None:
        return {"rows": table}
    return {column: [row[position] for row in table] for position, column in reversed(list(enumerate(names)))}


def native_rows(server: GrpcServer, name: str, table: Table) -> Answer:
    response = server.http.client.post("/predict", content=json.dumps({"instances": table}))
    return answer(response, lambda message: message.get("probabilities", message.get("predictions")))


def native_columns(server: GrpcServer, name: str, table: Table) -> Answer:
    message = {"columns": columns(name, table)} if COLUMNS[name] else {"instances": table}
    response = server.http.client.post("/v1/predict", content=json.dumps(message))
    return answer(response, lambda message: message.get("probabilities", message.get("predictions")))


def v1(server: GrpcServer, name: str, table: Table) -> Answer:
    names = COLUMNS[name]
    instances = table if names is None else [dict(zip(names, row, strict=False)) for row in table]
    response = server.http.client.post(f"/v1/models/{name}:predict", content=json.dumps({"instances": instances}))
    return answer(response, lambda message: message["predictions"])


def seldon_ndarray(server: GrpcServer, name: str, table: Table) -> Answer:
    data = {"names": COLUMNS[name] or [], "ndarray": table}
    response = server.http.client.post("/api/v1.0/predictions", content=json.dumps({"data": data}))
    return answer(response, lambda message: message["data"]["ndarray"])


def seldon_tensor(server: GrpcServer, name: str, table: Table) -> Answer:
    data = {"tensor": {"shape": [len(table), 4], "values": [value for row in table for value in row]}}
    response = server.http.client.post("/api/v1.0/predictions", content=json.dumps({"data": data}))

    def numbers(message: Any) -> list[Any]:
        if "ndarray" in message["data"]:
            return message["data"]["ndarray"]
        tensor = message["data"]["tensor"]
        return np.reshape(tensor["values"], tensor["shape"]).tolist()

    return answer(response, numbers)


def tensors(name: str, table: Table) -> list[dict[str, Any]]:
    found = []
    for column, values in columns(name, table).items():
        is_text = column in ("city", "sex")
        shape = [len(table), 4] if COLUMNS[name] is None else [len(table)]
        found.append({"name": column, "datatype": "BYTES" if is_text else "FP64", "shape": shape, "data": values})
    return found


def computed(message: Any) -> list[Any]:
    [output] = [output for output in message["outputs"] if output["name"] in ("probabilities", "predictions")]
    return np.reshape(output["data"], output["shape"]).tolist()


def v2_json(server: GrpcServer, name: str, table: Table) -> Answer:
    body = json.dumps({"inputs": tensors(name, table)})
    return answer(server.http.client.post(f"/v2/models/{name}/infer", content=body), computed)


def v2_binary(server: GrpcServer, name: str, table: Table) -> Answer:
    inputs, contents = [], []
    for tensor in tensors(name, table):
        contents.append(to_raw(_array(tensor), tensor["datatype"]))
        inputs.append(
            {key: value for key, value in tensor.items() if key != "data"}
            | {"parameters": {"binary_data_size": len(contents[-1])}}
        )
    head = json.dumps({"inputs": inputs, "parameters": {"binary_data_output": True}}).encode()
    response = server.http.client.post(
        f"/v2/models/{name}/infer", content=head + b"".join(contents), headers={LENGTH: str(len(head))}
    )
    if response.status_code != HTTPStatus.OK:
        return response.status_code // 100
    length = int(response.headers[LENGTH])
    offset = length
    for output in json.loads(response.content[:length])["outputs"]:
        size = output["parameters"]["binary_data_size"]
        if output["name"] in ("probabilities", "predictions"):
            content = response.content[offset : offset + size]
            return from_raw(content, output["datatype"], tuple(output["shape"]), output["name"]).tolist()
        offset += size
    raise AssertionError("no output of numbers")


def grpc_typed(server: GrpcServer, name: str, table: Table) -> Answer:
    request = messages.ModelInferRequest(model_name=name)
    for tensor in tensors(name, table):
        sent = request.inputs.add(name=tensor["name"], datatype=tensor["datatype"], shape=tensor["shape"])
        values = _array(tensor).ravel().tolist()
        if tensor["datatype"] == "BYTES":
            sent.contents.bytes_contents.extend(value.encode() for value in values)
        else:
            sent.contents.fp64_contents.extend(values)
    return _infer(server, request)


def grpc_raw(server: GrpcServer, name: str, table: Table) -> Answer:
    request = messages.ModelInferRequest(model_name=name)
    for tensor in tensors(name, table):
        request.inputs.add(name=tensor["name"], datatype=tensor["datatype"], shape=tensor["shape"])
        request.raw_input_contents.append(to_raw(_array(tensor), tensor["datatype"]))
    return _infer(server, request)


def _array(tensor: dict[str, Any]) -> np.ndarray:
    return np.array(tensor["data"], dtype=object if tensor["datatype"] == "BYTES" else np.float64)


def _infer(server: GrpcServer, request: Any) -> Answer:
    try:
        response = server.call("ModelInfer", request)
    except grpc.RpcError as error:
        return 4 if error.code() is grpc.StatusCode.INVALID_ARGUMENT else 5
    for position, output in enumerate(response.outputs):
        if output.name in ("probabilities", "predictions"):
            shape = tuple(output.shape)
            if response.raw_output_contents:
                return from_raw(response.raw_output_contents[position], output.datatype, shape, output.name).tolist()
            return np.reshape(output.contents.fp64_contents, shape).tolist()
    raise AssertionError("no output of numbers")


JSON: list[Ask] = [native_rows, native_columns, v1, seldon_ndarray, seldon_tensor, v2_json]
#: What only holds values of its datatype.
TYPED: list[Ask] = [v2_binary, grpc_typed, grpc_raw]


@pytest.fixture(scope="module")
def pair(trained: dict[str, Trained], tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, GrpcServer]]:
    """A server of numbers and one of mixed columns."""
    with ExitStack() as stack:
        started = {name: stack.enter_context(serving(trained[name], tmp_path_factory.mktemp(name))) for name in COLUMNS}
        for server in started.values():
            server.http.until(server.http.is_ready)
        yield started


@pytest.mark.parametrize("name", COLUMNS)
def test_the_same_rows_get_the_same_numbers(pair: dict[str, GrpcServer], name: str) -> None:
    @quick
    @given(rows_of[name])
    def agree(table: Table) -> None:
        first, *others = [ask(pair[name], name, table) for ask in [*JSON, *TYPED]]

        assert isinstance(first, list)
        flat = [np.ravel(other).tolist() for other in others]
        assert flat == [np.ravel(first).tolist()] * len(others)

    agree()


@pytest.mark.parametrize("name", COLUMNS)
def test_a_bad_cell_is_the_clients_fault_in_every_dialect(pair: dict[str, GrpcServer], name: str) -> None:
    @quick
    @given(rows_of[name], bad_cells[name], st.data())
    def refused(table: Table, cell: Any, data: st.DataObject) -> None:
        row, column = data.draw(st.integers(0, len(table) - 1)), data.draw(st.integers(0, 3))
        table = [list(each) for each in table]
        table[row][column] = cell

        assert {ask.__name__: ask(pair[name], name, table) for ask in JSON} == {ask.__name__: 4 for ask in JSON}

    refused()


@pytest.mark.parametrize("name", COLUMNS)
@pytest.mark.parametrize("width", [3, 5])
def test_rows_of_another_width_are_the_clients_fault_in_every_dialect(
    pair: dict[str, GrpcServer], name: str, width: int
) -> None:
    table = [[1.0, "Ulm", 2.0, "f", 3.0][:width] if name == "people" else [1.0] * width] * 2
    asked = [native_rows, seldon_ndarray] if name == "people" else [native_rows, v1, seldon_ndarray]

    assert [ask(pair[name], name, table) for ask in asked] == [4] * len(asked)


def test_a_value_beyond_the_model_is_the_clients_fault_in_every_dialect(pair: dict[str, GrpcServer]) -> None:
    table = [[1.0, 2.0, 3.0, float("inf")]]

    assert [ask(pair["iris"], "iris", table) for ask in TYPED] == [4] * len(TYPED)
