import warnings

import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin, TransformerMixin
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC

from model_deployment_app.engine.rowwise import agree, objection
from model_deployment_app.formats._estimator import EstimatorPredictor

X, Y = load_iris(return_X_y=True)


class FittedAtPredict(TransformerMixin, BaseEstimator):
    """Scales the rows of a request by one another."""

    def fit(self, rows, labels=None):
        self.fitted_ = True
        return self

    def transform(self, rows):
        return StandardScaler().fit_transform(rows)


class Ranked(FittedAtPredict):
    def transform(self, rows):
        return np.argsort(np.argsort(rows, axis=0), axis=0)


class Drawn(RegressorMixin, BaseEstimator):
    n_features_in_ = 2

    def predict(self, rows):
        return np.random.default_rng().normal(size=len(rows))


class OneByOne(RegressorMixin, BaseEstimator):
    n_features_in_ = 2

    def predict(self, rows):
        [row] = rows
        return row[:1]


def predictor(estimator):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return EstimatorPredictor(estimator.fit(X, Y))


@pytest.mark.parametrize(
    "estimator",
    [
        make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)),
        RandomForestClassifier(5),
        MLPClassifier(max_iter=5),
        KNeighborsClassifier(),
        SVC(),
        Ridge(),
        GaussianProcessRegressor(),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_models_that_look_at_one_row_at_a_time_are_batched(estimator):
    output = "label" if isinstance(estimator, SVC) else None
    asked = EstimatorPredictor(estimator.fit(X, Y), output=output) if output else predictor(estimator)

    assert objection(asked, None) is None
    assert objection(asked, {"input-0": X[:20]}) is None


@pytest.mark.parametrize("step", [FittedAtPredict(), Ranked()], ids=lambda step: type(step).__name__)
@pytest.mark.parametrize("recorded", [None, {"input-0": X[::40]}], ids=["made up", "recorded"])
def test_a_model_that_compares_rows_is_not_batched(step, recorded):
    asked = EstimatorPredictor(make_pipeline(step, LogisticRegression(max_iter=500)).fit(X, Y), input_size=4)

    assert "for a row depend on the other rows of a request, or on chance" in objection(asked, recorded)


def test_a_model_that_draws_lots_is_not_batched():
    assert "or on chance" in objection(EstimatorPredictor(Drawn()), None)


def test_a_model_that_takes_one_row_alone_is_not_batched():
    assert "fails at rows together that it answers alone (ValueError)" in objection(
        EstimatorPredictor(OneByOne()), None
    )


def test_a_model_of_which_one_row_is_known_is_not_batched():
    towns = np.array([["Bonn"], ["Ulm"]] * 5, dtype=object)
    asked = EstimatorPredictor(make_pipeline(OneHotEncoder(), Ridge()).fit(towns, np.arange(10)))

    assert "only one row is known that it answers" in objection(asked, None)
    assert objection(asked, asked.signature.check({"instances": towns[:2]})) is None


def test_answers_agree_up_to_rounding():
    assert agree(np.array([1.0, 1e-9]), np.array([1.0 + 1e-7, 0.0]))
    assert not agree(np.array([1.0]), np.array([1.001]))
    assert not agree(np.array([1e-9]), np.array([2e-9]))
    assert not agree(np.array(["a"]), np.array(["b"]))
    assert not agree(np.zeros(2), np.zeros(3))
