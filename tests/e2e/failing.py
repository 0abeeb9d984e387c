"""An estimator that fails at some rows, and quotes them."""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

#: In a row that it fails at.
SECRET = 4711.4711


class FailingClassifier(ClassifierMixin, BaseEstimator):
    """Answers as *classifier* does, but for rows with `SECRET`."""

    def __init__(self, classifier: Any) -> None:
        self.classifier = classifier
        self.classes_ = classifier.classes_
        self.n_features_in_ = classifier.n_features_in_

    def predict(self, rows: np.ndarray) -> np.ndarray:
        return self.classifier.predict(rows)

    def predict_proba(self, rows: np.ndarray) -> np.ndarray:
        if (rows == SECRET).any():
            raise RuntimeError(f"these rows are beyond me: {rows.tolist()}")
        return self.classifier.predict_proba(rows)
