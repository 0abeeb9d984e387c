"""Small modules, and what they answer by themselves."""

import numpy as np
import torch


def linear(columns: int, features: int = 4, **options) -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Linear(features, columns, **options)


def answers(module: torch.nn.Module, rows: np.ndarray) -> np.ndarray:
    """What the module itself says."""
    with torch.no_grad():
        return module(torch.tensor(rows, dtype=torch.float32)).double().numpy()
