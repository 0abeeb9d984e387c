"""An estimator that takes as long to answer as it is asked to."""

import time

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin


class DawdlingRegressor(RegressorMixin, BaseEstimator):
    """Answers each row with its one number, after that many seconds."""

    n_features_in_ = 1

    def predict(self, rows: np.ndarray) -> np.ndarray:
        seconds = np.asarray(rows, dtype=float)[:, 0]
        time.sleep(seconds.max())
        return seconds
