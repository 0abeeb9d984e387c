"""BentoML as its guide shows it; with BATCH=1, with its adaptive batching."""

import os

import bentoml
import numpy as np
from zoo import load

BATCHING = {"batchable": True, "batch_dim": 0, "max_batch_size": 1_000_000, "max_latency_ms": 60_000}


@bentoml.service(workers=1, traffic={"timeout": 60})
class Service:
    def __init__(self) -> None:
        self.predict_proba = load()

    @bentoml.api(route="/predict", **(BATCHING if os.environ.get("BATCH") else {}))
    def predict(self, instances: np.ndarray) -> np.ndarray:
        return np.asarray(self.predict_proba(instances))
