"""Models that answer one number whatever they are asked: their answers tell which of them gave them."""

from collections.abc import Callable
from pathlib import Path

import joblib
import numpy as np
from sklearn.linear_model import LinearRegression


def publish(number: float, path: Path, *, width: int = 1, ballast_bytes: int = 0) -> None:
    """Put a model of *width* features that answers *number* at *path*, in one move, as a store does."""
    estimator = LinearRegression().fit([[0.0] * width] * 2, [number] * 2)
    estimator.ballast_ = np.full(ballast_bytes, int(number) % 256, np.uint8)
    _put(path, lambda file: joblib.dump(estimator, file))


def publish_corrupt(path: Path) -> None:
    """Put something at *path* that cannot be loaded."""
    _put(path, lambda file: file.write_bytes(b"\x80\x04no pickle"))


def _put(path: Path, write: Callable[[Path], object]) -> None:
    beside = path.with_suffix(".new")
    write(beside)
    beside.replace(path)
