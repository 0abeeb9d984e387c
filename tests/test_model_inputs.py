"""What ``PyTorchEstimator`` takes: tables, images, sequences, named columns; and what it refuses."""

import numpy as np
import pandas as pd
import pytest
import torch
from nets import answers, linear
from numpy.testing import assert_allclose, assert_array_equal

from model_deployment_app.model import PyTorchEstimator

ROWS = np.random.default_rng(0).normal(size=(20, 4))


class Rating(torch.nn.Module):
    """Takes two columns of different dtypes by name, and a third that it can do without."""

    def __init__(self) -> None:
        super().__init__()
        self.users = torch.nn.Embedding(5, 3)

    def forward(self, user: torch.Tensor, price: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
        rating = self.users(user).sum(1) * price
        return rating if bias is None else rating + bias


@pytest.mark.parametrize("shape", [(3, 8, 8), (5, 4), (2, 3, 4, 4)])
def test_inputs_have_any_number_of_axes(shape):
    module = torch.nn.Sequential(torch.nn.Flatten(), linear(2, features=int(np.prod(shape))))
    images = np.random.default_rng(1).normal(size=(6, *shape))

    probabilities = PyTorchEstimator(module).predict_proba(images)

    assert_allclose(probabilities, torch.softmax(torch.tensor(answers(module, images)), 1), rtol=1e-6)


@pytest.mark.parametrize(
    "rows",
    [ROWS[::-1], ROWS.astype(">f8")[::-1], np.asfortranarray(ROWS)[::-1], ROWS.astype(np.longdouble)[::-1]],
    ids=["backwards", "big-endian", "by column", "long"],
)
def test_rows_may_lie_in_memory_as_they_like(rows):
    estimator = PyTorchEstimator(linear(3))

    assert_array_equal(estimator.predict_proba(rows), estimator.predict_proba(ROWS)[::-1])


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16, torch.int64])
def test_rows_may_be_a_tensor_that_learns(kind):
    rows = torch.tensor([[1.0, 2, 3, 4]]).to(kind).requires_grad_(kind.is_floating_point)
    estimator = PyTorchEstimator(linear(3))

    assert_array_equal(estimator.predict_proba(rows), estimator.predict_proba([[1, 2, 3, 4]]))


@pytest.mark.parametrize("value", [-1, 256, 0.5])
def test_whole_numbers_are_within_their_dtype(value):
    with pytest.raises(ValueError, match="X holds a"):
        PyTorchEstimator(linear(3), dtype="uint8").predict([[0, 1, 255, value]])


def test_the_largest_number_of_a_dtype_is_within_it():
    estimator = PyTorchEstimator(torch.nn.Identity(), job="regression", dtype="int64")

    assert estimator.predict(np.array([[2**63 - 1]])) == 2**63
    with pytest.raises(ValueError, match="X holds a number beyond"):
        estimator.predict(np.array([[2**63]], dtype=np.uint64))
    with pytest.raises(ValueError, match="X holds a fraction"):
        PyTorchEstimator(torch.nn.Identity(), dtype="bool").predict([[0.5]])


def test_a_sequence_of_tokens_keeps_its_whole_numbers():
    module = torch.nn.Sequential(torch.nn.Embedding(1000, 4), torch.nn.Flatten(), linear(2, features=12))
    tokens = np.array([[1, 2, 999], [0, 5, 7]])
    with torch.no_grad():
        expected = torch.softmax(module(torch.tensor(tokens)).double(), 1)

    estimator = PyTorchEstimator(module, dtype="int64")

    assert_allclose(estimator.predict_proba(tokens), expected, rtol=1e-6)
    assert_allclose(estimator.predict_proba(tokens.astype(float)), expected, rtol=1e-6)
    with pytest.raises(ValueError, match="X holds a fraction"):
        estimator.predict(tokens + 0.5)


RATED = {"price": [1.0, 2.0, 3.0], "user": [0, 1, 4]}


@pytest.mark.parametrize(
    "rows",
    [
        RATED,
        pd.DataFrame(RATED),
        pd.DataFrame(RATED)[["user", "price"]],
        np.array([[0, 1.0], [1, 2.0], [4, 3.0]]),
        {name: np.array(values, dtype=object) for name, values in RATED.items()},
    ],
    ids=["dict", "frame", "frame in another order", "array in the module's order", "objects"],
)
def test_a_module_of_several_inputs_gets_its_columns_by_name(rows):
    module = Rating()
    with torch.no_grad():
        expected = module(torch.tensor([0, 1, 4]), torch.tensor([1.0, 2.0, 3.0]))
    estimator = PyTorchEstimator(module, job="regression", dtype={"user": "int64"})

    assert_allclose(estimator.predict(rows), expected, rtol=1e-6)
    assert_array_equal(estimator.feature_names_in_, ["user", "price"])
    assert estimator.n_features_in_ == 2


def test_an_input_that_has_a_default_may_be_given():
    estimator = PyTorchEstimator(Rating(), job="regression", dtype={"user": "int64"})

    more = estimator.predict({**RATED, "bias": [10.0, 10.0, 10.0]}) - estimator.predict(RATED)

    assert_allclose(more, 10, rtol=1e-5)


def test_a_dtype_may_be_given_by_name_to_a_single_input_too():
    class Tokens(torch.nn.Embedding):
        def forward(self, tokens):
            return super().forward(tokens).sum(1)

    assert PyTorchEstimator(Tokens(5, 3), dtype={"tokens": "int64"}).predict([[1, 2]]).shape == (1,)


class OneHot(torch.nn.Module):
    def forward(self, kinds):
        return torch.nn.functional.one_hot(kinds[:, 0], 3)


def test_a_value_that_the_module_raises_at_is_refused():
    with pytest.raises(ValueError, match="the module raised RuntimeError: Class values must be smaller"):
        PyTorchEstimator(OneHot(), job="regression", dtype="int64").predict([[3]])


@pytest.mark.parametrize("error", [torch.OutOfMemoryError, torch.AcceleratorError])
def test_a_device_that_fails_is_no_fault_of_the_rows(error):
    class Failing(torch.nn.Module):
        def forward(self, rows):
            raise error("out of memory")

    with pytest.raises(error, match="out of memory"):
        PyTorchEstimator(Failing()).predict(ROWS)


def test_a_column_may_hold_an_array_in_each_row():
    class Scaled(torch.nn.Module):
        def forward(self, image, scale):
            return image.flatten(1).sum(1) * scale

    images = [np.full((2, 2), value) for value in (1.0, 2.0)]
    frame = pd.DataFrame({"image": images, "scale": [1.0, 10.0]})

    assert_allclose(PyTorchEstimator(Scaled(), job="regression").predict(frame), [4, 80])


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({}, "X holds no columns"),
        ({"price": [1.0]}, "X misses user: the module takes user, price, bias"),
        ({**RATED, "rank": [1, 2, 3]}, "X has the unknown rank: the module takes user, price, bias"),
        ({"user": [1, 2], "price": [1.0]}, "X: user has 2 rows, price has 1 rows"),
        ({"user": [0.5], "price": [1.0]}, "user holds a fraction"),
        (np.ones((2, 3)), "X has 3 columns, but the module takes user, price"),
        ({"user": ["a"], "price": [1.0]}, "numeric"),
        ({"user": [1], "price": [np.nan]}, "price contains NaN"),
    ],
)
def test_columns_that_do_not_fit_are_named(rows, message):
    estimator = PyTorchEstimator(Rating(), job="regression", dtype={"user": "int64"})

    with pytest.raises(ValueError, match=message):
        estimator.predict(rows)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([[1, 2, 3]], "X has 3 features, but PyTorchEstimator is expecting 4 features as input"),
        ([1, 2, 3, 4], "Reshape your data"),
        (np.empty((0, 4)), "0 sample"),
        ([[1, 2, 3, np.nan]], "contains NaN"),
        ([[1, 2, 3, np.inf]], "contains infinity"),
        ([[1, 2, 3, 1e300]], "X holds a number beyond torch.float32"),
        ([["a", "b", "c", "d"]], "numeric"),
    ],
)
def test_rows_that_do_not_fit_are_refused(rows, message):
    with pytest.raises(ValueError, match=message):
        PyTorchEstimator(linear(3), n_features_in=4).predict(rows)


@pytest.mark.parametrize("dtype", ["float64", "bfloat16", "float16"])
def test_the_dtype_is_the_modules_own(dtype):
    module = linear(3).to(getattr(torch, dtype))
    estimator = PyTorchEstimator(module, dtype=dtype)

    probabilities = estimator.predict_proba(ROWS)

    assert probabilities.dtype == np.float64
    assert_allclose(probabilities, PyTorchEstimator(module.float()).predict_proba(ROWS), atol=0.02)


def test_another_dtype_than_the_modules_is_told_with_the_right_one():
    with pytest.raises(TypeError, match="the module's weights are float64: give dtype='float64'"):
        PyTorchEstimator(linear(3).double()).predict(ROWS)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"job": "clustering"}, "job='clustering': expected one of classification, regression"),
        ({"output": "scores"}, "output='scores': expected one of logits, probabilities, log_probabilities"),
        ({"dtype": "float12"}, "dtype='float12': expected one of PyTorch's"),
        ({"output": None}, "output='None': expected one of"),
        ({"dtype": {"inputs": "int64", "b": "int8"}}, "dtype names b, inputs: the module takes input"),
        ({"classes": "abc"}, "classes='abc': expected a list of labels"),
        ({"batch_size": 1.5}, "batch_size=1.5: expected a number above 0, or None"),
        ({"device": None}, "device=None: expected 'auto'"),
        ({"batch_size": 0}, "batch_size=0: expected a number above 0, or None"),
        ({"device": "gpu"}, "device='gpu': expected 'auto', 'cpu', 'cuda' or 'cuda:<number>'"),
    ],
)
def test_a_wrong_parameter_is_told_at_the_first_prediction(options, message):
    with pytest.raises(ValueError, match=message):
        PyTorchEstimator(linear(3), **options).predict(ROWS)


class Complex(torch.nn.Module):
    def forward(self, rows):
        return rows + 1j


@pytest.mark.parametrize(
    ("module", "error", "message"),
    [
        (None, TypeError, "module: expected a torch.nn.Module, got NoneType"),
        (torch.nn.LSTM(4, 2), TypeError, "the module answers a tuple: wrap it"),
        (Complex(), TypeError, "the module answers complex numbers"),
        (torch.nn.Unflatten(1, (2, 2)), ValueError, r"the module answers shape \(20, 2, 2\) to 20 rows"),
        (torch.nn.Flatten(0), ValueError, r"the module answers shape \(80,\) to 20 rows"),
    ],
)
def test_an_answer_that_is_no_table_is_told(module, error, message):
    with pytest.raises(error, match=message):
        PyTorchEstimator(module, job="regression").predict(ROWS)
