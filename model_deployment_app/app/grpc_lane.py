"""Carries gRPC calls as `HttpLane` carries requests: who asks, in which trace, one line and one count for each."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import grpc
from google.protobuf.message import DecodeError, Message

from ..errors import InvalidRequest, MethodNotAllowed, ServingError, TooManyStreams, quoted
from ..protocols import _messages as messages
from ..telemetry import trace
from ..telemetry.exchange import Exchange
from .keys import credentials
from .service import Service

Context: TypeAlias = grpc.aio.ServicerContext
Convert = Callable[[Callable[[], Any]], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Asked:
    """One call with one answer.

    Attributes
    ----------
    request : Message
    exchange : Exchange
    context : Context
    convert : callable
        Returns what it is given to do, which takes as long as the request is large, as `Conversion` does it.
    """

    request: Any
    exchange: Exchange
    context: Context
    convert: Convert


Answer = Callable[[Asked], Awaitable[bytes]]
Follow = Callable[[Any], AsyncIterator[Message]]

_PREDICTIONS = f"/{messages.SERVICE}/ModelInfer"

#: What is asked every few seconds, and logged at debug.
_PROBES = re.compile(
    rf"/grpc\.health\.v1\.Health/.*|/{re.escape(messages.SERVICE)}/(ServerLive|ServerReady|ModelReady)"
)

#: How a probe ends as a rule; all else about one is logged as of any call.
_PROBED = ("OK", "CANCELLED")

#: What needs no key: probes, and what tells a client which calls there are.
_OPEN = re.compile(rf"{_PROBES.pattern}|/grpc\.reflection\..*")

#: Of health and reflection, which need no key and may be left open, of all clients together; each takes 30 kB.
MAX_STREAMS = 1000

#: Bytes of a message to a client. Three times as many go over the wire, where clients take headers of 8 KiB.
_MAX_DETAILS_BYTES = 1000


class GrpcLane:
    """Makes the handlers of a gRPC server.

    Messages are parsed here and not by grpc, which would answer INTERNAL for bytes that are none.

    Parameters
    ----------
    service : Service
    """

    def __init__(self, service: Service) -> None:
        self._keys = service.keys
        self._recorder = service.recorder
        self._conversion = service.conversion
        self._open_streams = 0

    def unary(self, path: str, request_type: type[Message], answer: Answer) -> grpc.RpcMethodHandler:
        """Of a method with one answer."""

        async def call(body: bytes, context: Context) -> bytes:
            async with self._exchange(path, context) as exchange:
                convert = partial(self._conversion.run, size_bytes=len(body))
                request = await convert(partial(_parsed, request_type, body))
                return await answer(Asked(request, exchange, context, convert))

        return grpc.unary_unary_rpc_method_handler(call)

    def watch(self, path: str, request_type: type[Message], follow: Follow) -> grpc.RpcMethodHandler:
        """Of a method with one request and many answers."""

        async def call(body: bytes, context: Context) -> AsyncIterator[bytes]:
            async with self._exchange(path, context):
                with self._held_open():
                    async for reply in follow(await self._parsed(request_type, body)):
                        yield reply.SerializeToString()

        return grpc.unary_stream_rpc_method_handler(call)

    def stream(self, path: str, request_type: type[Message], converse: Follow) -> grpc.RpcMethodHandler:
        """Of a method with many requests and many answers."""

        async def call(bodies: AsyncIterator[bytes], context: Context) -> AsyncIterator[bytes]:
            async with self._exchange(path, context):
                with self._held_open():
                    requests = (await self._parsed(request_type, body) async for body in bodies)
                    async for reply in converse(requests):
                        yield reply.SerializeToString()

        return grpc.stream_stream_rpc_method_handler(call)

    def unknown(self, path: str) -> grpc.RpcMethodHandler:
        """Of a method that there is not."""

        async def call(_: bytes, context: Context) -> None:
            async with self._exchange(path, context):
                raise MethodNotAllowed(f"no method is named {quoted(path)}: server reflection lists those that are")

        return grpc.unary_unary_rpc_method_handler(call)

    @contextmanager
    def _held_open(self) -> Iterator[None]:
        """Count a call that may last for ever."""
        if self._open_streams >= MAX_STREAMS:
            raise TooManyStreams(f"{MAX_STREAMS} streams of health and reflection are open: come again later")
        self._open_streams += 1
        try:
            yield
        finally:
            self._open_streams -= 1

    async def _parsed(self, request_type: type[Message], body: bytes) -> Any:
        return await self._conversion.run(partial(_parsed, request_type, body), size_bytes=len(body))

    @asynccontextmanager
    async def _exchange(self, path: str, context: Context) -> AsyncIterator[Exchange]:
        """The one place where a call is admitted, recorded and, if need be, refused."""
        metadata = [(name.encode(), _bytes(value)) for name, value in context.invocation_metadata() or ()]
        caller = dict(metadata).get(b"traceparent", b"").decode("latin-1")
        # gRPC is HTTP, and this is its method.
        exchange = Exchange(trace.join(caller), method="POST", path=path)
        exchange.protocol = "grpc" if path == _PREDICTIONS else None
        context.set_trailing_metadata((("traceparent", exchange.trace.traceparent),))
        code, refusal = "CANCELLED", None
        try:
            with _private():
                if not _OPEN.fullmatch(path):
                    exchange.key_id = self._keys.admit(*credentials(metadata), "predict")
                yield exchange
            code = "OK"
        except ServingError as error:
            exchange.failure = refusal = error
            code = error.grpc_status
        finally:
            is_quiet = code in _PROBED and _PROBES.fullmatch(path) is not None
            self._recorder.end(exchange, code=code, is_quiet=is_quiet)
        if refusal is not None:
            await _refuse(context, refusal, exchange)


@contextmanager
def _private() -> Iterator[None]:
    """What is no refusal of ours is for the log alone."""
    try:
        yield
    except ServingError:
        raise
    except Exception as error:
        raise ServingError("the server failed; its log has the reason") from error


async def _refuse(context: Context, refusal: ServingError, exchange: Exchange) -> None:
    trailing = [("traceparent", exchange.trace.traceparent)]
    if refusal.retry_after_s is not None:
        trailing.append(("retry-after", str(refusal.retry_after_s)))
    details = str(refusal).encode(errors="replace")[:_MAX_DETAILS_BYTES].decode(errors="ignore")
    await context.abort(grpc.StatusCode[refusal.grpc_status], details, tuple(trailing))


def _parsed(request_type: type[Message], body: bytes) -> Any:
    try:
        return request_type.FromString(body)
    except DecodeError as error:
        raise InvalidRequest(f"the message is no {request_type.DESCRIPTOR.full_name}: it cannot be parsed") from error


def _bytes(value: str | bytes) -> bytes:
    """As it came, if it came in UTF-8; what else is no ASCII, gRPC has read as Latin-1."""
    return value.encode() if isinstance(value, str) else value
