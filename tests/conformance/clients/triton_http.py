"""Triton's client over HTTP: ADDRESS NAME, rows on standard input; what it was told, as JSON."""

import json
import sys

import numpy as np
from tritonclient import http

address, name = sys.argv[1:]
rows = np.array(json.load(sys.stdin))
client = http.InferenceServerClient(address)
told = {
    "live": client.is_server_live(),
    "ready": client.is_server_ready(),
    "model ready": client.is_model_ready(name),
    "server": client.get_server_metadata()["extensions"],
    "model": client.get_model_metadata(name),
    "answers": {},
}
for datatype, dtype in {"FP64": np.float64, "FP32": np.float32}.items():
    for is_binary in (True, False):
        tensor = http.InferInput("rows", list(rows.shape), datatype)
        tensor.set_data_from_numpy(rows.astype(dtype), binary_data=is_binary)
        wanted = [http.InferRequestedOutput(output, binary_data=is_binary) for output in ("labels", "probabilities")]
        for outputs in (wanted, None):
            result = client.infer(name, [tensor], outputs=outputs, request_id="7")
            assert result.get_response()["id"] == "7"
            told["answers"][f"{datatype} binary={is_binary} outputs={outputs is not None}"] = {
                output: result.as_numpy(output).tolist() for output in ("labels", "probabilities")
            }
json.dump(told, sys.stdout)
