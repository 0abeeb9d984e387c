"""What ``PyTorchEstimator`` answers, and how it computes."""

import gc
import resource

import numpy as np
import pytest
import torch
from nets import answers, linear
from numpy.testing import assert_allclose, assert_array_equal

from model_deployment_app.model import PyTorchEstimator

ROWS = np.random.default_rng(0).normal(size=(20, 4))
SPECIES = ["setosa", "versicolor", "virginica"]


class Fixed(torch.nn.Module):
    """Answers the first columns of its input."""

    def __init__(self, columns: int) -> None:
        super().__init__()
        self.columns = columns

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return rows[:, : self.columns]


def test_logits_of_several_classes_become_their_softmax():
    module = linear(3)
    expected = torch.softmax(torch.tensor(answers(module, ROWS)), 1)

    probabilities = PyTorchEstimator(module).predict_proba(ROWS)

    assert_allclose(probabilities, expected, rtol=1e-12)
    assert probabilities.dtype == np.float64
    assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-12)


@pytest.mark.parametrize("squeeze", [False, True])
def test_one_logit_is_the_second_of_two_classes(squeeze):
    module = linear(1)
    expected = 1 / (1 + np.exp(-answers(module, ROWS)[:, 0]))
    wrapped = torch.nn.Sequential(module, torch.nn.Flatten(0)) if squeeze else module
    estimator = PyTorchEstimator(wrapped, classes=["no", "yes"])

    probabilities = estimator.predict_proba(ROWS)

    assert_allclose(probabilities, np.stack([1 - expected, expected], axis=1), rtol=1e-9)
    assert_array_equal(estimator.predict(ROWS), np.where(expected > 0.5, "yes", "no"))


@pytest.mark.parametrize(
    ("output", "rows"),
    [
        ("probabilities", [[0.2, 0.8], [0.5, 0.5]]),
        ("log_probabilities", np.log([[0.2, 0.8], [0.5, 0.5]])),
        ("log-probabilities", np.log([[0.2, 0.8], [0.5, 0.5]])),
    ],
)
def test_probabilities_pass_and_their_logarithms_are_undone(output, rows):
    estimator = PyTorchEstimator(Fixed(2), output=output)

    assert_allclose(estimator.predict_proba(rows), [[0.2, 0.8], [0.5, 0.5]], rtol=1e-6)
    assert_array_equal(estimator.predict(rows), [1, 0])


def test_one_probability_is_the_second_of_two_classes():
    estimator = PyTorchEstimator(Fixed(1), output="probabilities")

    assert_allclose(estimator.predict_proba([[0.2], [0.9]]), [[0.8, 0.2], [0.1, 0.9]], rtol=1e-6)


@pytest.mark.parametrize("output", ["probabilities", "log_probabilities"])
def test_logits_that_are_called_probabilities_are_refused(output):
    with pytest.raises(ValueError, match=f"output is '{output}'.*are they logits"):
        PyTorchEstimator(Fixed(2), output=output).predict([[-3.0, 2.0]])


@pytest.mark.parametrize(("columns", "shape"), [(1, (20,)), (2, (20, 2))])
def test_regression_answers_one_target_or_several(columns, shape):
    module = linear(columns)

    predictions = PyTorchEstimator(module, job="regression").predict(ROWS)

    assert predictions.shape == shape
    assert predictions.dtype == np.float64
    assert_allclose(predictions.reshape(20, columns), answers(module, ROWS), rtol=1e-6)


def test_a_module_that_squeezes_its_answer_still_answers_one_row():
    class Squeezing(torch.nn.Module):
        def forward(self, rows):
            return rows[:, :1].squeeze()

    estimator = PyTorchEstimator(Squeezing(), job="regression", batch_size=3)

    assert_allclose(estimator.predict(ROWS[:1]), ROWS[:1, 0], rtol=1e-6)
    assert_allclose(estimator.predict(ROWS[:4]), ROWS[:4, 0], rtol=1e-6)


@pytest.mark.parametrize(
    ("classes", "dtype"), [(SPECIES, "<U10"), ([10, 20, 30], "int64"), ([True, False, None], object)]
)
def test_labels_have_the_dtype_of_the_classes(classes, dtype):
    estimator = PyTorchEstimator(linear(3), classes=classes)

    labels = estimator.predict(ROWS)

    assert labels.dtype == estimator.classes_.dtype == np.dtype(dtype)
    assert_array_equal(labels, np.array(classes)[estimator.predict_proba(ROWS).argmax(axis=1)])


def test_classes_are_numbered_where_none_are_given():
    assert_array_equal(PyTorchEstimator(linear(3), n_features_in=4).classes_, [0, 1, 2])
    assert_array_equal(PyTorchEstimator(linear(1), n_features_in=4).classes_, [0, 1])
    assert not hasattr(PyTorchEstimator(linear(3)), "classes_")
    assert not hasattr(PyTorchEstimator(linear(3), job="regression", n_features_in=4), "classes_")


def test_as_many_classes_as_the_module_answers():
    with pytest.raises(ValueError, match="classes holds 2 labels, but the module answers 3 classes"):
        PyTorchEstimator(linear(3), classes=["a", "b"]).predict(ROWS)


def test_no_label_is_made_of_nan():
    module = linear(3)
    torch.nn.init.constant_(module.bias, np.nan)

    with pytest.raises(ValueError, match="the module answers NaN"):
        PyTorchEstimator(module).predict(ROWS)


def test_training_mode_is_left_for_good():
    module = torch.nn.Sequential(linear(8), torch.nn.BatchNorm1d(8), torch.nn.Dropout(0.5))
    module.train()
    estimator = PyTorchEstimator(module)

    first, second = estimator.predict_proba(ROWS), estimator.predict_proba(ROWS)

    assert_array_equal(first, second)
    assert_array_equal(module[1].running_mean, np.zeros(8))


def test_a_part_left_in_training_mode_is_seen_too():
    module = torch.nn.Sequential(linear(8), torch.nn.Dropout(0.5)).eval()
    module[1].train()
    estimator = PyTorchEstimator(module)

    assert_array_equal(estimator.predict_proba(ROWS), estimator.predict_proba(ROWS))


def test_no_gradient_is_kept():
    seen = []

    class Watched(torch.nn.Linear):
        def forward(self, rows):
            answer = super().forward(rows)
            seen.append((torch.is_grad_enabled(), torch.is_inference_mode_enabled(), answer.requires_grad))
            return answer

    PyTorchEstimator(Watched(4, 2)).predict(ROWS)

    assert seen == [(False, True, False)]


def test_ten_thousand_calls_leave_nothing_behind():
    estimator = PyTorchEstimator(linear(3), classes=SPECIES)
    row = ROWS[:1]
    for _ in range(1000):
        estimator.predict(row)
    gc.collect()
    tensors = sum(issubclass(type(each), torch.Tensor) for each in gc.get_objects())
    peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    for _ in range(10_000):
        estimator.predict(row)

    gc.collect()
    assert sum(issubclass(type(each), torch.Tensor) for each in gc.get_objects()) <= tensors
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak_kib < 4096


@pytest.mark.parametrize(
    ("batch_size", "sizes"), [(7, [7, 7, 6]), (20, [20]), (1024, [20]), (None, [20]), (1, [1] * 20)]
)
def test_no_more_rows_go_through_the_module_than_a_batch_holds(batch_size, sizes):
    module = linear(3)
    whole = PyTorchEstimator(module, batch_size=None).predict_proba(ROWS)
    seen = []
    module.register_forward_hook(lambda _, inputs, __: seen.append(len(inputs[0])))

    parted = PyTorchEstimator(module, batch_size=batch_size).predict_proba(ROWS)

    assert seen == sizes
    assert_allclose(parted, whole, rtol=1e-6)


def test_a_module_that_writes_into_its_input_does_not_write_into_ours():
    class Writing(torch.nn.Module):
        def forward(self, rows):
            return rows.mul_(0)

    rows = ROWS.astype(np.float32)

    PyTorchEstimator(Writing(), job="regression").predict(rows)

    assert_array_equal(rows, ROWS.astype(np.float32))
