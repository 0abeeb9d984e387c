"""The messages of `open_inference.proto`, in a pool of their own: its names are those of every client of the protocol.

The pool that protobuf shares among all modules of a process refuses a name that is there already; so a process that
imports a client such as tritonclient could not import this package, or the other way round.
"""

from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

SERVICE = "inference.GRPCInferenceService"

#: The file's descriptor, as reflection tells it.
[FILE] = descriptor_pb2.FileDescriptorSet.FromString(Path(__file__).with_name("open_inference.binpb").read_bytes()).file

_pool = descriptor_pool.DescriptorPool()
_pool.Add(FILE)


def message(name: str) -> Any:
    """The class of one message of the package."""
    return message_factory.GetMessageClass(_pool.FindMessageTypeByName(f"{FILE.package}.{name}"))


ServerLiveResponse = message("ServerLiveResponse")
ServerReadyResponse = message("ServerReadyResponse")
ModelReadyRequest = message("ModelReadyRequest")
ModelReadyResponse = message("ModelReadyResponse")
ServerMetadataResponse = message("ServerMetadataResponse")
ModelMetadataRequest = message("ModelMetadataRequest")
ModelMetadataResponse = message("ModelMetadataResponse")
ModelInferRequest = message("ModelInferRequest")
ModelInferResponse = message("ModelInferResponse")
