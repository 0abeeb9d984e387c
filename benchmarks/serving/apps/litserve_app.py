"""LitServe as its guide shows it; with BATCH=1, with its batching."""

import os

import litserve
import numpy as np
from zoo import PORT, load


class Estimator(litserve.LitAPI):
    def setup(self, device: str) -> None:
        self.predict_proba = load()

    def decode_request(self, request: dict) -> np.ndarray:
        return np.array(request["instances"])

    def batch(self, inputs: list[np.ndarray]) -> np.ndarray:
        self.lengths = [len(rows) for rows in inputs]
        return np.concatenate(inputs)

    def predict(self, rows: np.ndarray) -> np.ndarray:
        return self.predict_proba(rows)

    def unbatch(self, output: np.ndarray) -> list[np.ndarray]:
        return np.split(output, np.cumsum(self.lengths)[:-1])

    def encode_response(self, output: np.ndarray) -> dict:
        return {"predictions": output.tolist()}


if __name__ == "__main__":
    api = Estimator(max_batch_size=64, batch_timeout=0.002) if os.environ.get("BATCH") else Estimator()
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=1)
    server.run(port=PORT, host="127.0.0.1", generate_client_file=False, log_level="warning", access_log=False)
