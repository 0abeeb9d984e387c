"""Real server processes that speak gRPC too."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from ports import free_port

from model_deployment_app.protocols import _messages as messages

from .estimators import Trained
from .servers import Server, running


@dataclass(frozen=True, slots=True)
class GrpcServer:
    """One running ``mda serve`` with ``grpc: true``.

    Attributes
    ----------
    http : Server
    port : int
        For gRPC.
    channel : Channel
    """

    http: Server
    port: int
    channel: grpc.Channel

    def call(self, method: str, request: Any) -> Any:
        """The answer of one method of the Open Inference Protocol; raises RpcError."""
        reply = self.channel.unary_unary(f"/{messages.SERVICE}/{method}")(request.SerializeToString(), timeout=30)
        return messages.message(f"{method}Response").FromString(reply)

    def infer(self, body: bytes) -> str:
        """The name of the status of a prediction that is asked for by these bytes."""
        try:
            self.channel.unary_unary(f"/{messages.SERVICE}/ModelInfer")(body, timeout=30)
        except grpc.RpcError as error:
            return error.code().name
        return "OK"


@contextlib.contextmanager
def serving(model: Trained, folder: Path) -> Iterator[GrpcServer]:
    """A server of *model* that may not answer yet; ended on the way out, whatever happens."""
    port = free_port()
    config = model.publish(folder) | {"grpc": True}
    with (
        running(config, folder, environment={"GRPC_PORT": str(port)}) as server,
        grpc.insecure_channel(f"127.0.0.1:{port}") as channel,
    ):
        yield GrpcServer(server, port, channel)
