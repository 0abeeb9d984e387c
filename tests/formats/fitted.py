"""Every estimator of scikit-learn, fitted on little, and compositions of several."""

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor, make_column_selector, make_column_transformer
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import SelectKBest, mutual_info_classif
from sklearn.frozen import FrozenEstimator
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, Matern, WhiteKernel
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier, SGDRegressor
from sklearn.metrics import fbeta_score, make_scorer
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV, RepeatedStratifiedKFold
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.utils import all_estimators
from sklearn.utils._test_common.instance_generator import _construct_instances
from threadpoolctl import threadpool_limits

X, Y = (part[::5] for part in load_iris(return_X_y=True))
TEXTS = ["good car", "bad boat", "a good boat", "a very bad car"] * 5
TABLE = pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "city": np.where(X[:, 2] > 3, "Bonn", "Ulm")})

#: What `fit` is tried with, until an estimator takes it.
_SAMPLES: tuple[tuple[Any, ...], ...] = (
    (X, Y),
    (X, Y > 0),
    (X[:, :1].ravel(), Y),
    (X, np.column_stack([Y, Y])),
    (X[:, :2], X[:, 2:]),
    (Y,),
    (TEXTS,),
    ([{"a": 1.0, "b": 2.0}, {"a": 3.0}],),
    ([["a", "b"], ["b"]],),
    (X, Y + 1),
    (X @ X.T, Y),
    (X @ X.T, Y > 0),
    (np.ones((9, 3)),),
)


def singles() -> Iterator[tuple[str, BaseEstimator, Any]]:
    """A name, a fitted estimator, and what it was fitted on."""
    for name, kind in all_estimators():
        if name == "FrozenEstimator":
            continue  # is among the compositions
        for number, estimator in enumerate(_construct_instances(kind)):
            if "random_state" in estimator.get_params(deep=False):
                estimator.set_params(random_state=0)
            for samples in _SAMPLES:
                try:
                    estimator.fit(*samples)
                except Exception:  # noqa: BLE001 - it takes others
                    continue
                yield f"{name}-{number}", estimator, samples[0]
                break
            else:
                yield f"{name}-{number}", estimator, None


def compositions() -> Iterator[tuple[str, BaseEstimator, Any]]:
    logistic = LogisticRegression(max_iter=500)
    columns = make_column_transformer(
        (StandardScaler(), TABLE.columns[:2]),
        (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_exclude=np.number)),
        remainder="passthrough",
    )
    kernel = 1.0 * RBF() + Matern(nu=2.5) + WhiteKernel()
    scorer = make_scorer(fbeta_score, beta=2, average="macro")
    yield "columns", make_pipeline(columns, logistic).fit(TABLE, Y), TABLE
    yield "pandas", make_pipeline(columns, logistic).set_output(transform="default").fit(TABLE, Y), TABLE
    yield "text", make_pipeline(TfidfVectorizer(), logistic).fit(TEXTS, [0, 1] * 10), TEXTS
    for name, estimator in {
        "union": make_pipeline(make_union(PCA(2), SelectKBest(mutual_info_classif, k=1)), logistic),
        "function": make_pipeline(FunctionTransformer(np.log1p), FunctionTransformer(np.sqrt), logistic),
        "grid": GridSearchCV(make_pipeline(StandardScaler(), logistic), {"logisticregression__C": [0.1, 1]}, cv=2),
        "scored": GridSearchCV(logistic, {"C": [1, 2]}, scoring={"f": scorer, "a": "accuracy"}, refit="f", cv=2),
        "random": RandomizedSearchCV(
            logistic,
            {"C": [0.1, 1.0]},
            n_iter=2,
            cv=RepeatedStratifiedKFold(n_splits=2, n_repeats=1, random_state=np.random.RandomState(0)),
        ),
        "stacked": StackingClassifier([("a", RandomForestClassifier(3)), ("b", logistic)], cv=2),
        "voting": VotingClassifier([("a", RandomForestClassifier(3)), ("b", logistic)], voting="soft"),
        "sigmoid": CalibratedClassifierCV(logistic, cv=2),
        "isotonic": CalibratedClassifierCV(logistic, cv=2, method="isotonic"),
        "kernels": GaussianProcessRegressor(kernel),
        "frozen": FrozenEstimator(LogisticRegression(max_iter=500).fit(X, Y)),
        "target": TransformedTargetRegressor(Ridge(), func=np.log1p, inverse_func=np.expm1),
        **{
            f"loss-{loss}": GradientBoostingRegressor(loss=loss, n_estimators=2)
            for loss in ("absolute_error", "huber", "quantile")
        },
        **{
            f"hist-{loss}": HistGradientBoostingRegressor(loss=loss, quantile=0.5, max_iter=2)
            for loss in ("absolute_error", "gamma", "poisson", "quantile")
        },
        **{
            f"sgd-{loss}": SGDClassifier(loss=loss)
            for loss in ("hinge", "log_loss", "modified_huber", "squared_hinge", "perceptron", "huber")
        },
        "sgd-regressor": SGDRegressor(loss="squared_epsilon_insensitive"),
        **{
            f"neighbours-{algorithm}-{metric}": KNeighborsClassifier(algorithm=algorithm, metric=metric)
            for algorithm, metric in [
                ("kd_tree", "manhattan"),
                ("ball_tree", "chebyshev"),
                ("ball_tree", "canberra"),
                ("brute", "cosine"),
            ]
        },
        "neighbours-float32": KNeighborsRegressor(algorithm="ball_tree"),
    }.items():
        rows = X.astype("f4") if name.endswith("float32") else X
        yield name, estimator.fit(rows, Y + 1), rows


def answers(estimator: BaseEstimator, rows: Any) -> list[Any]:
    """What an estimator says to the rows it was fitted on, by whatever it has for that."""
    given = []
    for method in ("predict", "predict_proba", "transform"):
        if hasattr(estimator, method):
            try:
                answer = getattr(estimator, method)(rows)
            except Exception as error:  # noqa: BLE001 - is compared too
                answer = str(error)
            given.append(answer.toarray() if hasattr(answer, "toarray") else answer)
    return given


def every() -> dict[str, tuple[BaseEstimator, Any]]:
    # By one thread: on two busy cores, threads that wait for one another take ten times as long.
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {
            name: (estimator, rows)
            for source in (singles, compositions)
            for name, estimator, rows in source()
            if rows is not None
        }
