"""``PyTorchEstimator`` as a citizen of scikit-learn, and scikit-learn's own checks of one.

Checks that train call ``fit``, which `PyTorchEstimator` refuses: they see it through a trainer.
"""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone, is_classifier, is_regressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator, parametrize_with_checks
from sklearn.utils.validation import check_is_fitted, validate_data

from model_deployment_app.model import PyTorchEstimator

ROWS = np.random.default_rng(0).normal(size=(20, 4))

#: Checks that never call fit.
WITHOUT_FIT = {
    "check_decision_proba_consistency",
    "check_do_not_raise_errors_in_init_or_set_params",
    "check_estimator_cloneable",
    "check_estimator_repr",
    "check_estimator_tags_renamed",
    "check_get_params_invariance",
    "check_mixin_order",
    "check_no_attributes_set_in_init",
    "check_parameters_default_constructible",
    "check_set_params",
    "check_valid_tag_types",
}


def net(columns: int) -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Linear(4, columns)


def test_a_clone_has_the_same_parameters_and_a_module_of_its_own():
    estimator = PyTorchEstimator(net(3), classes=["a", "b", "c"], batch_size=7)

    copied = clone(estimator)

    assert copied.module is not estimator.module
    assert copied.get_params()["batch_size"] == 7
    assert_array_equal(copied.predict_proba(ROWS), estimator.predict_proba(ROWS))


def test_parameters_can_be_set():
    estimator = PyTorchEstimator(net(3)).set_params(classes=["a", "b", "c"], batch_size=2)

    assert set(estimator.predict(ROWS)) <= {"a", "b", "c"}


def test_the_job_tells_what_kind_of_estimator_it_is():
    classifier, regressor = PyTorchEstimator(net(3)), PyTorchEstimator(net(1), job="regression")

    assert is_classifier(classifier)
    assert is_regressor(regressor)
    assert not hasattr(regressor, "predict_proba")
    check_is_fitted(classifier)


def test_the_score_is_accuracy_or_r2():
    classifier, regressor = PyTorchEstimator(net(3)), PyTorchEstimator(net(2), job="regression")

    assert classifier.score(ROWS, classifier.predict(ROWS)) == 1
    assert regressor.score(ROWS, regressor.predict(ROWS)) == 1
    assert classifier.score(ROWS, (classifier.predict(ROWS) + 1) % 3) == 0


def test_fit_says_that_training_happens_elsewhere():
    with pytest.raises(NotImplementedError, match="skorch") as caught:
        PyTorchEstimator(net(3)).fit(ROWS, np.zeros(20))

    assert "FrozenEstimator" in str(caught.value)


def test_it_works_in_pipelines_calibration_and_inspection():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(300, 4))
    labels = (rows[:, 0] + rng.normal(scale=0.5, size=300) > 0).astype(int)
    module = net(2)
    with torch.no_grad():
        module.weight.copy_(torch.tensor([[0.0, 0, 0, 0], [2, 0, 0, 0]]))
        module.bias.zero_()
    estimator = FrozenEstimator(PyTorchEstimator(module, n_features_in=4))

    calibrated = CalibratedClassifierCV(estimator).fit(rows, labels)
    pipeline = make_pipeline(StandardScaler(), estimator).fit(rows, labels)
    importance = permutation_importance(pipeline, rows, labels, n_repeats=3, random_state=0)

    assert calibrated.score(rows, labels) > 0.8
    assert importance.importances_mean.argmax() == 0
    assert_allclose(importance.importances_mean[1:], 0)
    assert cross_val_score(estimator, rows, labels, cv=3).mean() > 0.8


def test_it_works_where_the_steps_of_a_pipeline_were_fitted_before():
    scaler = StandardScaler().fit(ROWS)
    estimator = PyTorchEstimator(net(3), n_features_in=4)

    pipeline = make_pipeline(scaler, estimator)

    assert_array_equal(pipeline.predict_proba(ROWS), estimator.predict_proba(scaler.transform(ROWS)))


@pytest.mark.parametrize("job", ["classification", "regression"])
def test_the_checks_that_train_nothing_pass(job: str) -> None:
    estimator = PyTorchEstimator(torch.nn.Linear(10, 2), job=job)

    results = check_estimator(estimator, on_fail=None, on_skip=None)

    status = {result["check_name"]: result["status"] for result in results if result["check_name"] in WITHOUT_FIT}
    assert set(status.values()) == {"passed"}
    assert len(status) >= 10


class Trainer(BaseEstimator):
    """Trains a linear module in ``fit``, so that the checks which fit reach the answers of ``PyTorchEstimator``."""

    def predict(self, X):
        return self._trained(X).predict(X)

    def score(self, X, y, sample_weight=None):
        return self._trained(X).score(X, y, sample_weight)

    def _trained(self, X) -> PyTorchEstimator:
        check_is_fitted(self)
        if hasattr(X, "columns"):
            validate_data(self, X, reset=False, skip_check_array=True)  # their names; the rest is the wrapper's
        return self.trained_


class TrainedClassifier(ClassifierMixin, Trainer):
    def fit(self, X, y, sample_weight=None):
        X, y = validate_data(self, X, y)
        fitted = LogisticRegression(max_iter=500).fit(X, y, sample_weight)
        linear = _linear(np.atleast_2d(fitted.coef_), np.atleast_1d(fitted.intercept_))
        self.classes_ = fitted.classes_
        self.n_iter_ = int(max(fitted.n_iter_))
        self.trained_ = PyTorchEstimator(
            linear, classes=self.classes_, n_features_in=fitted.n_features_in_, dtype="float64"
        )
        return self

    def predict_proba(self, X):
        return self._trained(X).predict_proba(X)


class TrainedRegressor(RegressorMixin, Trainer):
    def fit(self, X, y, sample_weight=None):
        X, y = validate_data(self, X, y, y_numeric=True)
        fitted = LinearRegression().fit(X, y, sample_weight)
        linear = _linear(np.atleast_2d(fitted.coef_), np.atleast_1d(fitted.intercept_))
        self.trained_ = PyTorchEstimator(linear, job="regression", n_features_in=fitted.n_features_in_, dtype="float64")
        return self


def _linear(weights: np.ndarray, bias: np.ndarray) -> torch.nn.Module:
    linear = torch.nn.Linear(weights.shape[1], weights.shape[0], dtype=torch.float64)
    linear.load_state_dict({"weight": torch.tensor(weights), "bias": torch.tensor(bias)})
    return linear


@parametrize_with_checks([TrainedClassifier(), TrainedRegressor()])
def test_a_trained_module_passes_every_check_of_an_estimator(estimator, check) -> None:
    check(estimator)
