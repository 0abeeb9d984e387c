"""What a client of a real server sees over gRPC: the numbers of HTTP, and refusals in place of failures."""

import contextlib
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from ports import free_port

from model_deployment_app.protocols import _messages as messages
from model_deployment_app.protocols._datatypes import datatype_of, from_raw, to_raw

from .estimators import Trained
from .grpc_servers import GrpcServer, serving
from .servers import launch
from .spoiled import mangled, spoiled

MODELS = ["iris", "people", "texts", "images", "only-labels"]

CONTENTS = {"FP64": "fp64_contents", "INT64": "int64_contents", "BYTES": "bytes_contents"}


@pytest.fixture(scope="module")
def grpc_servers(
    trained: dict[str, Trained], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, GrpcServer]]:
    with contextlib.ExitStack() as stack:
        started = {name: stack.enter_context(serving(trained[name], tmp_path_factory.mktemp(name))) for name in MODELS}
        for server in started.values():
            server.http.until(server.http.is_ready)
        yield started


def asked(model: Trained, name: str, *, is_raw: bool) -> Any:
    """A request for the rows of *model*: a tensor for each named column, or one of all."""
    rows = model.rows
    arrays = (
        {column: rows[column].to_numpy() for column in rows.columns[::-1]}
        if isinstance(rows, pd.DataFrame)
        else {"rows": np.asarray(rows, dtype=object if isinstance(rows, list) else None)}
    )
    request = messages.ModelInferRequest(model_name=name, id="7")
    for column, array in arrays.items():
        datatype = datatype_of(array.dtype)
        tensor = request.inputs.add(name=column, datatype=datatype, shape=array.shape)
        if is_raw:
            request.raw_input_contents.append(to_raw(array, datatype))
        else:
            values = [text.encode() for text in array] if datatype == "BYTES" else array.ravel()
            getattr(tensor.contents, CONTENTS[datatype]).extend(values)
    return request


def outputs(response: Any) -> dict[str, Any]:
    """Each output as nested lists."""
    found = {}
    for position, tensor in enumerate(response.outputs):
        if response.raw_output_contents:
            content = response.raw_output_contents[position]
            found[tensor.name] = from_raw(content, tensor.datatype, tuple(tensor.shape), tensor.name).tolist()
        else:
            values = getattr(tensor.contents, CONTENTS[tensor.datatype])
            plain = [value.decode() for value in values] if tensor.datatype == "BYTES" else list(values)
            found[tensor.name] = np.reshape(plain, tuple(tensor.shape)).tolist()
    return found


@pytest.mark.parametrize("is_raw", [False, True])
@pytest.mark.parametrize("name", MODELS)
def test_the_numbers_are_those_of_http(
    grpc_servers: dict[str, GrpcServer], trained: dict[str, Trained], name: str, is_raw: bool
) -> None:
    server, model = grpc_servers[name], trained[name]
    form = "text" if name == "texts" else "rows"

    answer = server.call("ModelInfer", asked(model, name, is_raw=is_raw))

    native = server.http.client.post("/predict", json=model.bodies()[form]).json()
    told = {key: native[key] for key in ("probabilities", "labels", "predictions") if key in native}
    assert outputs(answer) == told
    assert (answer.model_name, answer.id) == (name, "7")
    assert bool(answer.raw_output_contents) is is_raw


def test_metadata_describes_a_request_that_is_answered(
    grpc_servers: dict[str, GrpcServer], trained: dict[str, Trained]
) -> None:
    server = grpc_servers["people"]

    metadata = server.call("ModelMetadata", messages.ModelMetadataRequest(name="people"))

    request = asked(trained["people"], "people", is_raw=False)
    described = {tensor.name: (tensor.datatype, list(tensor.shape)) for tensor in metadata.inputs}
    assert described == {tensor.name: (tensor.datatype, [-1]) for tensor in request.inputs}
    assert [output.name for output in metadata.outputs] == ["predictions"]


def test_reflection_lists_the_services_and_describes_their_messages(grpc_servers: dict[str, GrpcServer]) -> None:
    database = ProtoReflectionDescriptorDatabase(grpc_servers["iris"].channel)

    services = database.get_services()

    assert set(services) >= {messages.SERVICE, "grpc.health.v1.Health"}
    files = [database.FindFileContainingSymbol(service) for service in services]
    assert {service.name for file in files for service in file.service} >= {"GRPCInferenceService", "Health"}


def test_health_is_that_of_a_kubernetes_probe(grpc_servers: dict[str, GrpcServer]) -> None:
    health = health_pb2_grpc.HealthStub(grpc_servers["iris"].channel)

    status = health.Check(health_pb2.HealthCheckRequest(), timeout=30).status

    assert status == health_pb2.HealthCheckResponse.SERVING


@pytest.mark.parametrize("name", ["iris", "people", "texts", "images"])
@pytest.mark.parametrize("is_raw", [False, True])
def test_a_spoilt_request_is_answered_or_refused_and_never_a_failure(
    grpc_servers: dict[str, GrpcServer], trained: dict[str, Trained], name: str, is_raw: bool
) -> None:
    server = grpc_servers[name]
    request = asked(trained[name], name, is_raw=is_raw)

    answers = [(what, server.infer(body)) for what, body in spoiled(request, seed=6)]

    assert len(answers) > 300
    assert [answer for answer in answers if answer[1] not in ("OK", "INVALID_ARGUMENT", "NOT_FOUND")] == []
    assert {code for _, code in answers} == {"OK", "INVALID_ARGUMENT", "NOT_FOUND"}
    assert server.infer(request.SerializeToString()) == "OK"


@pytest.mark.parametrize("is_raw", [False, True])
def test_bytes_that_are_no_request_are_refused(
    grpc_servers: dict[str, GrpcServer], trained: dict[str, Trained], is_raw: bool
) -> None:
    server = grpc_servers["people"]
    body = asked(trained["people"], "people", is_raw=is_raw).SerializeToString()

    codes = Counter(server.infer(each) for each in mangled(body, seed=7, count=400))

    assert codes.keys() <= {"OK", "INVALID_ARGUMENT", "NOT_FOUND"}
    assert codes["INVALID_ARGUMENT"] > 100
    assert "Traceback" not in server.http.log.read_text()


def test_a_message_beyond_the_limit_is_refused_before_it_is_read(grpc_servers: dict[str, GrpcServer]) -> None:
    code = grpc_servers["iris"].infer(bytes(65 * 2**20))

    assert code == "RESOURCE_EXHAUSTED"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_server_that_is_watched_with_status_0(
    trained: dict[str, Trained], tmp_path: Path, number: int
) -> None:
    with serving(trained["iris"], tmp_path) as server:
        server.http.until(server.http.is_ready)
        watched = health_pb2_grpc.HealthStub(server.channel).Watch(health_pb2.HealthCheckRequest(), timeout=30)
        statuses = [next(watched).status]

        server.http.process.send_signal(number)

        statuses += [answer.status for answer in watched]
        assert statuses == [health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING]
        assert server.http.process.wait(30) == 0
        assert "Traceback" not in server.http.log.read_text()


def test_a_port_that_another_server_has_is_one_line_and_status_1(
    grpc_servers: dict[str, GrpcServer], trained: dict[str, Trained], tmp_path: Path
) -> None:
    port = str(grpc_servers["iris"].port)
    config = trained["iris"].publish(tmp_path) | {"grpc": True}

    process = launch(config, tmp_path, environment={"GRPC_PORT": port}, port=free_port())

    assert process.wait(60) == 1
    log = (tmp_path / "server.log").read_text()
    [line] = [line for line in log.splitlines() if line.startswith("mda: ")]
    assert line == (
        f"mda: InvalidConfig: 127.0.0.1:{port} cannot be listened on for gRPC; "
        "if another process has it, give another --grpc-port"
    )
    assert "Traceback" not in log


def test_without_the_extra_a_server_says_what_to_install(trained: dict[str, Trained], tmp_path: Path) -> None:
    # As if grpcio were not there: a module of its name that cannot be imported.
    (tmp_path / "grpc.py").write_text("raise ModuleNotFoundError('No module named grpc', name='grpc')")
    config = trained["iris"].publish(tmp_path) | {"grpc": True}

    process = launch(config, tmp_path, environment={"PYTHONPATH": str(tmp_path)})

    assert process.wait(60) == 1
    assert (tmp_path / "server.log").read_text().splitlines()[-1] == (
        "mda: MissingExtra: grpc: true needs the module 'grpc': pip install model-deployment-app[grpc]"
    )
