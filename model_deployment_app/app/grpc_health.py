"""The health service that Kubernetes' gRPC probes and load balancers ask.

References
----------
gRPC, "GRPC Health Checking Protocol".
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Collection
from typing import Any

import grpc
from grpc_health.v1 import health_pb2

from ..errors import ModelNotFound, quoted
from .grpc_lane import Asked, GrpcLane

SERVICE = "grpc.health.v1.Health"

#: How late a watching client is told. A model takes seconds to load.
_POLL_S = 0.25


class GrpcHealth:
    """Tells whether this server answers predictions.

    Parameters
    ----------
    services : collection of str
        Whose health is known, beside that of the whole server, whose name is empty.
    is_ready : callable
        Whether every model but those unloaded by request answers.
    """

    def __init__(self, services: Collection[str], *, is_ready: Callable[[], bool]) -> None:
        self._services = {"", *services}
        self._is_ready = is_ready
        self._is_stopping = asyncio.Event()

    def handlers(self, lane: GrpcLane) -> dict[str, grpc.RpcMethodHandler]:
        """The methods of the service, by path."""
        check, watch = f"/{SERVICE}/Check", f"/{SERVICE}/Watch"
        return {
            check: lane.unary(check, health_pb2.HealthCheckRequest, self._check),
            watch: lane.watch(watch, health_pb2.HealthCheckRequest, self._watch),
        }

    def stop(self) -> None:
        """Send clients elsewhere; whoever watches is told, and then left."""
        self._is_stopping.set()

    def _status(self, service: str) -> health_pb2.HealthCheckResponse:
        statuses = health_pb2.HealthCheckResponse
        if service not in self._services:
            return statuses(status=statuses.SERVICE_UNKNOWN)
        is_serving = self._is_ready() and not self._is_stopping.is_set()
        return statuses(status=statuses.SERVING if is_serving else statuses.NOT_SERVING)

    async def _check(self, asked: Asked) -> bytes:
        reply = self._status(asked.request.service)
        if reply.status == reply.SERVICE_UNKNOWN:
            raise ModelNotFound(f"no service is named {quoted(asked.request.service)}")
        return reply.SerializeToString()

    async def _watch(self, request: Any) -> AsyncIterator[Any]:
        told = None
        while True:
            is_last = self._is_stopping.is_set()
            reply = self._status(request.service)
            if reply != told:
                yield reply
                told = reply
            if is_last:
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._is_stopping.wait(), _POLL_S)
