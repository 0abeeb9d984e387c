"""Estimators whose rows have several axes, such as images."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin

from model_deployment_app.errors import InvalidTensor, UnservableEstimator
from model_deployment_app.formats._estimator import EstimatorPredictor
from model_deployment_app.tensors import ROWS, from_rows


class Images(RegressorMixin, BaseEstimator):
    """Answers the mean of each image, and refuses those with a number below zero."""

    def fit(self, images, targets=None):
        return self

    def predict(self, images):
        if (images < 0).any():
            raise ValueError("negative")
        return images.reshape(len(images), -1).mean(axis=1)


class Sums(RegressorMixin, BaseEstimator):
    """Tells nobody how many columns it takes."""

    def __sklearn_is_fitted__(self):
        return True

    def fit(self, table, targets=None):
        return self

    def predict(self, table):
        return table.sum(axis=1)


def test_an_example_of_nested_arrays_is_the_shape_of_every_row():
    image = np.arange(12.0).reshape(1, 3, 2, 2)
    predictor = EstimatorPredictor(Images(), job="regression", input_size=12, example={ROWS: image})

    images = np.concatenate([image, image + 1])
    answered = predictor.predict(predictor.signature.check({ROWS: images}), ["predictions"])

    assert predictor.signature.inputs[0].shape == (None, 3, 2, 2)
    assert answered["predictions"].tolist() == [5.5, 6.5]


def test_an_image_that_is_refused_is_named_by_its_row():
    image = np.zeros((1, 3, 2, 2))
    predictor = EstimatorPredictor(Images(), job="regression", example={ROWS: image})

    with pytest.raises(InvalidTensor, match="row 2: the estimator does not take these numbers"):
        predictor.predict({"input-0": np.concatenate([image, image, image - 1, image])}, ["predictions"])


def test_the_size_of_nested_arrays_is_the_number_of_their_values():
    with pytest.raises(UnservableEstimator, match=r"config.inputSize is 3, but config.example holds 12 values"):
        EstimatorPredictor(Images(), job="regression", input_size=3, example={ROWS: np.zeros((1, 3, 2, 2))})


def test_a_flat_example_is_as_wide_as_every_row():
    predictor = EstimatorPredictor(Sums(), job="regression", example={ROWS: np.ones((1, 3))})

    assert predictor.signature.inputs[0].shape == (None, 3)
    with pytest.raises(UnservableEstimator, match="row 0: expected 2 values, got 3"):
        EstimatorPredictor(Sums(), job="regression", input_size=2, example={ROWS: np.ones((1, 3))})
    with pytest.raises(UnservableEstimator, match="row 0: expected numbers in nested arrays"):
        EstimatorPredictor(Sums(), job="regression", example={ROWS: from_rows([[[1.0, "a"]]])})
