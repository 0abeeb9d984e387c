"""The model of one benchmark, for every server that is no server of ours: rows in, probabilities out."""

import os
from collections.abc import Callable
from pathlib import Path

import joblib
import numpy as np

PORT = int(os.environ["PORT"])


def load() -> Callable[[np.ndarray], np.ndarray]:
    """``predict_proba`` of the artifact that ``MODEL_FILE`` names; rows of shape (n, features)."""
    file = Path(os.environ["MODEL_FILE"])
    if file.suffix != ".pt":
        return joblib.load(file).predict_proba
    import torch

    torch.set_num_threads(1)
    module = torch.load(file, weights_only=False).eval()

    def predict_proba(rows: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return module(torch.from_numpy(np.asarray(rows, dtype=np.float32))).numpy()

    return predict_proba
