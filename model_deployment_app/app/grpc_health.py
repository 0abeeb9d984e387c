"""The health service that Kubernetes' gRPC probes and load balancers ask.

References
----------
gRPC, "GRPC Health Checking Protocol".
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

import grpc
from grpc_health.v1 import health_pb2

from ..errors import ModelNotFound, quoted
from .grpc_lane import Asked, GrpcLane

SERVICE = "grpc.health.v1.Health"

#: How late those who watch are told. A model takes seconds to load.
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
        self._is_stopping = False
        self._was_serving = False
        # Whoever watches waits for it; then there is another.
        self._change = asyncio.Event()
        self._watchers, self._is_looking = 0, False

    def handlers(self, lane: GrpcLane) -> dict[str, grpc.RpcMethodHandler]:
        """The methods of the service, by path."""
        check, watch = f"/{SERVICE}/Check", f"/{SERVICE}/Watch"
        return {
            check: lane.unary(check, health_pb2.HealthCheckRequest, self._check),
            watch: lane.watch(watch, health_pb2.HealthCheckRequest, self._watch),
        }

    def stop(self) -> None:
        """Send clients elsewhere; whoever watches is told, and then left."""
        self._is_stopping = True
        self._tell()

    def _status(self, service: str) -> health_pb2.HealthCheckResponse:
        statuses = health_pb2.HealthCheckResponse
        if service not in self._services:
            return statuses(status=statuses.SERVICE_UNKNOWN)
        return statuses(status=statuses.SERVING if self._look() else statuses.NOT_SERVING)

    async def _check(self, asked: Asked) -> bytes:
        reply = self._status(asked.request.service)
        if reply.status == reply.SERVICE_UNKNOWN:
            raise ModelNotFound(f"no service is named {quoted(asked.request.service)}")
        return reply.SerializeToString()

    async def _watch(self, request: Any) -> AsyncIterator[Any]:
        told = None
        with self._watched():
            while True:
                # Before the status: what changes while the client is told is not missed.
                is_last, change = self._is_stopping, self._change
                reply = self._status(request.service)
                if reply != told:
                    yield reply
                    told = reply
                if is_last:
                    return
                await change.wait()

    @contextmanager
    def _watched(self) -> Iterator[None]:
        self._watchers += 1
        if not self._is_looking:
            self._look_on()
        try:
            yield
        finally:
            self._watchers -= 1

    def _look_on(self) -> None:
        """Look now and again, once for all who watch, as long as anybody does."""
        self._is_looking = self._watchers > 0
        if self._is_looking:
            asyncio.get_running_loop().call_later(_POLL_S, self._look_on)
            self._look()

    def _look(self) -> bool:
        """Whether predictions are answered; if that is new, everybody who watches is told."""
        is_serving = self._is_ready() and not self._is_stopping
        if is_serving != self._was_serving:
            self._was_serving = is_serving
            self._tell()
        return is_serving

    def _tell(self) -> None:
        self._change.set()
        self._change = asyncio.Event()
