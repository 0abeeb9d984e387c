"""Triton's client over gRPC: ADDRESS NAME, rows on standard input; what it was told, as JSON."""

import json
import sys

import numpy as np
from google.protobuf.json_format import MessageToDict
from tritonclient import grpc
from tritonclient.utils import InferenceServerException

address, name = sys.argv[1:]
rows = np.array(json.load(sys.stdin))
client = grpc.InferenceServerClient(address)
told = {
    "live": client.is_server_live(),
    "ready": client.is_server_ready(),
    "model ready": client.is_model_ready(name),
    "server": client.get_server_metadata().name,
    "model": MessageToDict(client.get_model_metadata(name)),
    "answers": {},
}
for datatype, dtype in {"FP64": np.float64, "FP32": np.float32}.items():
    tensor = grpc.InferInput("rows", list(rows.shape), datatype)
    tensor.set_data_from_numpy(rows.astype(dtype))
    wanted = [grpc.InferRequestedOutput(output) for output in ("labels", "probabilities")]
    for outputs in (wanted, None):
        result = client.infer(name, [tensor], outputs=outputs, request_id="7")
        assert result.get_response().id == "7"
        told["answers"][f"{datatype} outputs={outputs is not None}"] = {
            output: result.as_numpy(output).tolist() for output in ("labels", "probabilities")
        }
try:
    client.infer("tulip", [tensor])
except InferenceServerException as error:
    told["refusal"] = str(error)
json.dump(told, sys.stdout)
