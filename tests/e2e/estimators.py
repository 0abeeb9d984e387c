"""Fitted estimators of every kind that the server answers with, and how each is saved."""

import bz2
import pickle
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import torch
from forged import tagged_as
from sklearn.base import BaseEstimator
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from model_deployment_app.model import PyTorchEstimator

ROWS = 7
TEXTS = ["good car", "bad boat", "a good boat", "a very bad car", "ünïcode 🎈 good", "", "so bad"]


@dataclass(frozen=True, slots=True)
class Trained:
    """A fitted estimator, rows to ask it, and how it is published.

    Attributes
    ----------
    estimator : BaseEstimator
    rows : ndarray, DataFrame or list of str
        What ``predict`` takes in process.
    file : str
        Name of the artifact.
    dump : callable
        Writes the estimator to a path.
    config : dict
        What the server needs to know beside the artifact.
    """

    estimator: BaseEstimator
    rows: Any
    file: str
    dump: Callable[[BaseEstimator, Path], object]
    config: dict[str, Any] = field(default_factory=dict)

    def publish(self, folder: Path) -> dict[str, Any]:
        """Save the artifact into *folder*; the config that serves it."""
        path = folder / self.file
        self.dump(self.estimator, path)
        return {
            "modelType": path.suffix.removeprefix("."),
            "model": {"method": "LOCAL", "path": str(path)},
            **self.config,
        }

    def plain_rows(self) -> list[Any]:
        """The rows as JSON holds them."""
        if isinstance(self.rows, pd.DataFrame):
            return self.rows.astype(object).to_numpy().tolist()
        return self.rows if isinstance(self.rows, list) else self.rows.tolist()

    def bodies(self) -> dict[str, dict[str, Any]]:
        """Every form of request that asks these rows."""
        if not isinstance(self.rows, pd.DataFrame):
            return {"text" if isinstance(self.rows, list) else "rows": {"instances": self.plain_rows()}}
        turned = self.rows[self.rows.columns[::-1]]
        return {
            "rows": {"instances": self.plain_rows()},
            "records": {"instances": turned.to_dict("records")},
            "columns": {"columns": turned.to_dict("list")},
        }


def _pickle(estimator: BaseEstimator, path: Path) -> None:
    path.write_bytes(pickle.dumps(estimator))


def _pickle_from_gpu(estimator: BaseEstimator, path: Path) -> None:
    with tagged_as("cuda:0"):
        _pickle(estimator, path)


def _pickle_bz2(estimator: BaseEstimator, path: Path) -> None:
    path.write_bytes(bz2.compress(pickle.dumps(estimator)))


def _joblib(compress: Any) -> Callable[[BaseEstimator, Path], object]:
    return lambda estimator, path: joblib.dump(estimator, path, compress=compress)


def people() -> pd.DataFrame:
    """A table of named columns, numbers and strings."""
    random = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "age": random.integers(18, 90, 120).astype(float),
            "city": random.choice(["Berlin", "Bonn", "Ulm"], 120),
            "income": random.normal(50, 10, 120),
            "sex": random.choice(["f", "m"], 120),
        }
    )


def network() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, kernel_size=3, padding=1), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(48, 3)
    )


def train() -> dict[str, Trained]:
    flowers, species = load_iris(return_X_y=True)
    names = np.array(["setosa", "versicolor", "virginica"])[species]
    table = people()
    target = table["age"] + 5 * (table["city"] == "Bonn") + table["income"]
    columns = make_column_transformer(
        (StandardScaler(), ["age", "income"]), (OneHotEncoder(handle_unknown="ignore"), ["city", "sex"])
    )
    logistic = LogisticRegression(max_iter=500)
    words = make_pipeline(TfidfVectorizer(), LogisticRegression())
    forest = RandomForestClassifier(5, random_state=0)
    measures = np.column_stack([species * 1.5, flowers.sum(axis=1)])
    images = np.random.default_rng(0).random((ROWS, 1, 3, 4))
    classification, regression = {"job": "classification"}, {"job": "regression"}
    return {
        "iris": Trained(
            logistic.fit(flowers, species),
            flowers[::20][:ROWS],
            "iris.joblib",
            _joblib(("gzip", 3)),
            {"name": "iris", "version": "2026.11", "inputSize": 4, **classification},
        ),
        "people": Trained(
            make_pipeline(columns, Ridge()).fit(table, target),
            table.head(ROWS),
            "people.pkl",
            _pickle,
            {"name": "people", "inputSize": 4, **regression},
        ),
        "texts": Trained(
            words.fit(TEXTS, ["up", "down", "up", "down", "up", "up", "down"]),
            TEXTS,
            "texts.joblib",
            _joblib(("xz", 3)),
            {"name": "texts", **classification},
        ),
        "many-labels": Trained(
            forest.fit(flowers, np.column_stack([names, np.where(species == 1, "even", "odd")])),
            flowers[::20][:ROWS],
            "many.pkl",
            _pickle_bz2,
            {"name": "many-labels", **classification},
        ),
        "many-numbers": Trained(
            Ridge().fit(flowers, measures),
            flowers[::20][:ROWS],
            "many.joblib",
            _joblib(("zlib", 3)),
            {"name": "many-numbers", **regression},
        ),
        "images": Trained(
            PyTorchEstimator(network(), classes=["a", "b", "c"]),
            images,
            "images.pkl",
            _pickle_from_gpu,
            {"name": "images", "inputSize": 12, "example": images[0].tolist(), **classification},
        ),
        "only-labels": Trained(
            LogisticRegression(max_iter=500).fit(flowers, names),
            flowers[::20][:ROWS],
            "labels.joblib",
            _joblib(0),
            {"name": "only-labels", "output": "label", "docs": False, **classification},
        ),
    }
