"""The gRPC server beside the HTTP one, in its event loop."""

import logging
from collections.abc import Mapping
from typing import Any

import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection, reflection_pb2

from ..errors import InvalidConfig
from ..protocols import _messages as messages
from . import grpc_health
from .grpc_health import GrpcHealth
from .grpc_inference import GrpcInference
from .grpc_lane import GrpcLane
from .service import Service

logger = logging.getLogger(__name__)

#: Of all clients together, one that has not sent its message yet among them; gRPC itself answers RESOURCE_EXHAUSTED.
MAX_CALLS = 4000


class GrpcServer:
    """Open Inference Protocol, health and reflection on one port.

    Parameters
    ----------
    service : Service
    host, port
        To listen on.
    """

    def __init__(self, service: Service, *, host: str, port: int) -> None:
        lane, dataplane = GrpcLane(service), service.dataplane
        self._health = GrpcHealth([messages.SERVICE], is_ready=dataplane.is_ready)
        self._handlers = _Handlers(
            lane,
            {
                **GrpcInference(dataplane).handlers(lane),
                **self._health.handlers(lane),
                **_reflection(lane),
            },
        )
        self._address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._options = (
            ("grpc.max_receive_message_length", service.max_body_bytes),
            # A message is read before its key is: of one connection, not more at a time than these.
            ("grpc.max_concurrent_streams", 100),
            # Else a second server would share the port in silence, and take half of the calls.
            ("grpc.so_reuseport", 0),
        )
        self._server: grpc.aio.Server | None = None

    async def start(self) -> None:
        """Listen.

        Raises
        ------
        InvalidConfig
            If the port cannot be had.
        """
        server = grpc.aio.server(handlers=[self._handlers], options=self._options, maximum_concurrent_rpcs=MAX_CALLS)
        try:
            server.add_insecure_port(self._address)
        except RuntimeError as error:
            raise InvalidConfig(
                f"{self._address} cannot be listened on for gRPC; if another process has it, give another --grpc-port"
            ) from error
        await server.start()
        self._server = server
        logger.info("gRPC on %s", self._address)

    async def stop(self, grace_s: float) -> None:
        """Take no more calls, and let those that are being answered end, for *grace_s* at most."""
        self._health.stop()
        if self._server is not None:
            await self._server.stop(grace_s)


class _Handlers(grpc.GenericRpcHandler):
    """Looks a method up by its path."""

    def __init__(self, lane: GrpcLane, handlers: Mapping[str, grpc.RpcMethodHandler]) -> None:
        self._lane = lane
        self._handlers = handlers

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        return self._handlers.get(details.method) or self._lane.unknown(details.method)


def _reflection(lane: GrpcLane) -> dict[str, grpc.RpcMethodHandler]:
    """What tells grpcurl and its like which services there are."""
    pool = DescriptorPool()
    pool.Add(messages.FILE)
    for module in (health_pb2, reflection_pb2):
        pool.AddSerializedFile(module.DESCRIPTOR.serialized_pb)
    services = (messages.SERVICE, grpc_health.SERVICE, reflection.SERVICE_NAME)
    servicer = reflection.aio.ReflectionServicer(services, pool=pool)
    path = f"/{reflection.SERVICE_NAME}/ServerReflectionInfo"

    def converse(requests: Any) -> Any:
        return servicer.ServerReflectionInfo(requests, None)

    return {path: lane.stream(path, reflection_pb2.ServerReflectionRequest, converse)}
