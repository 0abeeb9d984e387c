"""KServe's client over HTTP, V1 and V2: URL NAME, rows on standard input; what it was told, as JSON."""

import asyncio
import json
import sys

import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig

url, name = sys.argv[1:]
rows = np.array(json.load(sys.stdin))


async def ask():
    v1 = InferenceRESTClient(RESTConfig(protocol="v1"))
    v2 = InferenceRESTClient(RESTConfig(protocol="v2"))
    told = {
        "live": all([await client.is_server_live(url) for client in (v1, v2)]),
        "ready": await v2.is_server_ready(url),
        "model ready": [await client.is_model_ready(url, name) for client in (v1, v2)],
        "v1": await v1.infer(url, {"instances": rows.tolist()}, model_name=name),
        "answers": {},
    }
    for is_binary in (True, False):
        tensor = InferInput("rows", list(rows.shape), "FP64")
        tensor.set_data_from_numpy(rows, binary_data=is_binary)
        request = InferRequest(name, [tensor], request_id="7", parameters={"binary_data_output": is_binary})
        response = await v2.infer(url, request, model_name=name)
        assert response.id == "7"
        told["answers"][f"binary={is_binary}"] = {
            output.name: output.as_numpy().tolist() for output in response.outputs
        }
    return told


json.dump(asyncio.run(ask()), sys.stdout)
