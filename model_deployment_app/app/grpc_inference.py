"""The methods of the Open Inference Protocol over gRPC."""

from functools import partial

import grpc

from ..dataplane import DataPlane
from ..engine.revision import Revision
from ..errors import ModelNotReady
from ..protocols import Call
from ..protocols import _grpc as codec
from ..protocols import _messages as messages
from ..tensors import n_rows
from .grpc_lane import Asked, GrpcLane


class GrpcInference:
    """Answers for the models of one server.

    Parameters
    ----------
    dataplane : DataPlane
    """

    def __init__(self, dataplane: DataPlane) -> None:
        self._dataplane = dataplane

    def handlers(self, lane: GrpcLane) -> dict[str, grpc.RpcMethodHandler]:
        """The methods of the service, by path."""
        answers = {
            "ServerLive": self._server_live,
            "ServerReady": self._server_ready,
            "ModelReady": self._model_ready,
            "ServerMetadata": self._server_metadata,
            "ModelMetadata": self._model_metadata,
            "ModelInfer": self._model_infer,
        }
        paths = {name: f"/{messages.SERVICE}/{name}" for name in answers}
        return {
            paths[name]: lane.unary(paths[name], messages.message(f"{name}Request"), answer)
            for name, answer in answers.items()
        }

    async def _server_live(self, _: Asked) -> bytes:
        return messages.ServerLiveResponse(live=True).SerializeToString()

    async def _server_ready(self, _: Asked) -> bytes:
        return messages.ServerReadyResponse(ready=self._dataplane.is_ready()).SerializeToString()

    async def _model_ready(self, asked: Asked) -> bytes:
        try:
            self._dataplane.revision(asked.request.name, asked.request.version or None)
        except ModelNotReady:
            return messages.ModelReadyResponse(ready=False).SerializeToString()
        return messages.ModelReadyResponse(ready=True).SerializeToString()

    async def _server_metadata(self, _: Asked) -> bytes:
        return codec.server_metadata()

    async def _model_metadata(self, asked: Asked) -> bytes:
        revision = self._dataplane.revision(asked.request.name, asked.request.version or None)
        asked.exchange.model, asked.exchange.version = revision.name, revision.version
        return codec.model_metadata(revision)

    async def _model_infer(self, asked: Asked) -> bytes:
        revision, call = await self._call(asked)
        asked.exchange.rows = n_rows(call.inputs)
        outputs = await self._dataplane.predict(revision, call.inputs, call.outputs)
        reply = await asked.convert(partial(call.encode, outputs))
        context = asked.context
        context.set_trailing_metadata((*context.trailing_metadata(), ("x-model-sha256", revision.sha256)))
        return reply.body

    async def _call(self, asked: Asked) -> tuple[Revision, Call]:
        """The request, decoded for whom answers it now: another may have been replaced meanwhile, and be drained."""
        request, decoded = asked.request, None
        while True:
            revision = self._dataplane.revision(request.model_name, request.model_version or None)
            if decoded is not None and decoded[0] is revision:
                return decoded
            asked.exchange.model, asked.exchange.version = revision.name, revision.version
            decoded = revision, await asked.convert(partial(codec.call, request, revision))
