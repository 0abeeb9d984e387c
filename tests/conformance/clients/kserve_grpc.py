"""KServe's client over gRPC: ADDRESS NAME, rows on standard input; what it was told, as JSON."""

import asyncio
import json
import sys

import numpy as np
from kserve import InferenceGRPCClient, InferInput, InferRequest

address, name = sys.argv[1:]
rows = np.array(json.load(sys.stdin))


async def ask():
    async with InferenceGRPCClient(address) as client:
        told = {
            "live": await client.is_server_live(),
            "ready": await client.is_server_ready(),
            "model ready": await client.is_model_ready(name),
            "answers": {},
        }
        for is_raw in (True, False):
            tensor = InferInput("rows", list(rows.shape), "FP64")
            tensor.set_data_from_numpy(rows, binary_data=is_raw)
            response = await client.infer(InferRequest(name, [tensor], request_id="7"))
            assert response.id == "7"
            told["answers"][f"raw={is_raw}"] = {output.name: output.as_numpy().tolist() for output in response.outputs}
        return told


json.dump(asyncio.run(ask()), sys.stdout)
