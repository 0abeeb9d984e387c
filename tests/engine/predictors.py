"""Predictors that wait for the test, and estimators that fail at what a request may hold."""

import threading

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin

from model_deployment_app.signature import Signature, TensorSpec

WAIT_S = 20


class SumPredictor:
    """Answers the sum of each row.

    Attributes
    ----------
    calls : list of list
        The rows of each call.
    gate : Event
        A call whose first number is -1 waits for it; `entered` is set once one does.
    is_broken : bool
        Whether every call fails.
    """

    signature = Signature(
        (TensorSpec("input-0", "float64", (None, 2)),), (TensorSpec("predictions", "float64", (None,)),)
    )
    job = "regression"

    def __init__(self) -> None:
        self.calls = []
        self.gate = threading.Event()
        self.entered = threading.Event()
        self.is_broken = False

    @property
    def example(self):
        return rows([0, 0])

    def predict(self, inputs, outputs):
        table = inputs["input-0"]
        self.calls.append(table.tolist())
        if self.is_broken:
            raise RuntimeError("CUDA error: device-side assert triggered")
        if table[0, 0] == -1:
            self.entered.set()
            assert self.gate.wait(WAIT_S)
        return {"predictions": table.sum(axis=1)}

    answer = predict


class Poisoned(RegressorMixin, BaseEstimator):
    """Answers the sum of each row, and fails at some numbers, each in its own way."""

    n_features_in_ = 2

    def predict(self, table):
        if (table == 101).any():
            raise ValueError("a value that it does not take")
        if (table == 103).any():
            return np.full(len(table), np.nan)
        if (table == 102).any():
            return np.zeros(len(table) + 1)
        for number, error in ((104, MemoryError), (105, SystemExit), (106, StopIteration)):
            if (table == number).any():
                raise error
        return np.asarray(table).sum(axis=1)


POISONS = (101, 102, 103, 104, 105, 106)


def rows(*numbers):
    return {"input-0": np.array(numbers, dtype=np.float64)}
