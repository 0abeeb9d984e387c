"""An estimator that takes as long to unpickle as somebody wants."""

import os
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin


class WaitingClassifier(ClassifierMixin, BaseEstimator):
    """Answers as *classifier* does; its unpickling waits until somebody writes to the pipe that ``GATE`` names."""

    def __init__(self, classifier: Any) -> None:
        self.classifier = classifier
        self.classes_ = classifier.classes_
        self.n_features_in_ = classifier.n_features_in_

    def __setstate__(self, state: dict[str, Any]) -> None:
        Path(os.environ["GATE"]).read_bytes()
        super().__setstate__(state)

    def predict(self, rows: np.ndarray) -> np.ndarray:
        return self.classifier.predict(rows)

    def predict_proba(self, rows: np.ndarray) -> np.ndarray:
        return self.classifier.predict_proba(rows)
