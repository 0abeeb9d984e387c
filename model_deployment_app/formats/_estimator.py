"""From a fitted scikit-learn estimator to a `Predictor`."""

import warnings
from collections.abc import Callable, Collection
from typing import Any, Literal

import numpy as np
from sklearn.base import BaseEstimator, is_classifier, is_regressor

from ..errors import InferenceError, InvalidTensor, NotAnEstimator, UnservableEstimator
from ..signature import Signature
from ..tensors import Tensors, n_rows
from . import _inputs, _outputs
from ._diagnosis import find_fault
from ._outputs import Outputs

#: What estimators raise at values that they do not take. Anything else is the model's own failure.
_REFUSALS = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, AssertionError)

#: Module and name, not the class: whoever has no PyTorch cannot import it.
_WRAPPER = ("model_deployment_app.model", "PyTorchEstimator")

Job = Literal["classification", "regression"]
Output = Literal["probabilities", "label"]


class EstimatorPredictor:
    """Answers with an estimator's ``predict_proba`` and ``predict``.

    Outputs are ``predictions`` for regression; for classification ``labels`` and ``probabilities``, or
    ``probabilities-0``, ``probabilities-1``, … where there are several labels a row.

    Parameters
    ----------
    estimator : sklearn.base.BaseEstimator
        Fitted.
    job : {"classification", "regression"}, optional
        What the estimator is, by default.
    output : {"probabilities", "label"}, optional
        For classification; "probabilities" by default.
    input_size : int, optional
        Number of features that the config states; checked against ``n_features_in_``.
    example : dict of str to ndarray, optional
        One row as a request would hold it; made up where it is not given.

    Raises
    ------
    NotAnEstimator
        If it is none; the message names its class.
    UnservableEstimator
        If it contradicts *job*, *output* or *input_size*, is not fitted, or answers no row.
    """

    def __init__(
        self,
        estimator: Any,
        *,
        job: Job | None = None,
        output: Output | None = None,
        input_size: int | None = None,
        example: Tensors | None = None,
    ) -> None:
        if not isinstance(estimator, BaseEstimator):
            raise NotAnEstimator(
                f"the artifact holds a {_class_name(estimator)}: expected a fitted estimator that inherits from "
                "sklearn.base.BaseEstimator"
            )
        self._estimator: Any = estimator
        self.job = self._job(job)
        self._gives_probabilities = self.job == "classification" and output != "label"
        self._check_probabilities()
        self._most_probable = _most_probable(estimator)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about rows that are made up
            try:
                inputs = _inputs.discover(estimator, input_size=input_size, example=example)
                self._table, self._witness = inputs.table, inputs.witness
                self._outputs = self._ask()
                asked = ["probabilities"] * self._gives_probabilities + [self._outputs.label_name]
                self.signature = Signature(
                    inputs.specs,
                    _outputs.specs(self.answer(_copied(self._witness), asked), self._outputs.classes),
                    is_named=inputs.table.names is not None,
                    classes=self._outputs.classes,
                )
            except UnservableEstimator:
                raise
            except Exception as error:
                raise UnservableEstimator(
                    f"{_class_name(estimator)} cannot be served: {_inputs.told(error)}"
                ) from error

    @property
    def example(self) -> Tensors:
        return _copied(self._witness)

    def predict(self, inputs: Tensors, outputs: Collection[str]) -> Tensors:
        """Answer *inputs* with the named *outputs* (see `Predictor`).

        Raises
        ------
        InvalidTensor
            If the estimator refuses a value, or has no finite answer to it, where it answers another.
        """
        try:
            return self.answer(inputs, outputs)
        except _REFUSALS as error:
            fault = find_fault(lambda part: self._refuses(part, outputs), inputs, self._witness)
            if fault is None:
                raise
            raise InvalidTensor(self._complaint(inputs, *fault)) from error

    def answer(self, inputs: Tensors, outputs: Collection[str]) -> Tensors:
        """As `predict`, but raises what the estimator raises."""
        table = self._table.build(inputs)
        answers: Tensors = {}
        probabilities = None
        if any(name.startswith("probabilities") for name in outputs):
            probabilities = self._estimator.predict_proba(table)
            answers |= self._outputs.probabilities(probabilities)
        if self._outputs.label_name in outputs:
            if probabilities is None or self._most_probable is None:
                labels = self._estimator.predict(table)
            else:
                labels = self._most_probable(probabilities)
            answers |= self._outputs.labels(labels)
        rows = n_rows(inputs)
        for array in answers.values():
            if len(array) != rows:
                raise InferenceError(f"the model answered {len(array)} rows to {rows}")
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                raise ValueError("the answer is not finite")
        return answers

    def _refuses(self, inputs: Tensors, outputs: Collection[str]) -> bool:
        try:
            self.answer(_copied(inputs), outputs)  # some estimators write into what they are given
        except _REFUSALS:
            return True
        return False

    def _complaint(self, inputs: Tensors, row: int, name: str, position: int | None) -> str:
        cell = inputs[name][row] if position is None else inputs[name][row, position]
        if np.ndim(cell):
            return f"row {row}: the estimator does not take {'null here' if np.isnan(cell).any() else 'these numbers'}"
        column = name if position is None else self.signature.columns[position]
        label = f"{column!r}" if self.signature.is_named else column
        what = (
            "null here" if cell is None or cell != cell else f"this {'string' if isinstance(cell, str) else 'number'}"
        )
        return f"row {row}, column {label}: the estimator does not take {what}"

    def _job(self, job: Job | None) -> Job:
        name = _class_name(self._estimator)
        if not hasattr(self._estimator, "predict"):
            raise UnservableEstimator(f"{name} has no predict: save the pipeline that ends in a predictor")
        if job == "classification" and is_regressor(self._estimator):
            raise UnservableEstimator(f"config.job is classification, but {name} is a regressor: set job: regression")
        if job == "regression" and is_classifier(self._estimator):
            raise UnservableEstimator(f"config.job is regression, but {name} is a classifier: set job: classification")
        if job is not None:
            return job
        if is_classifier(self._estimator):
            return "classification"
        if is_regressor(self._estimator):
            return "regression"
        raise UnservableEstimator(f"{name} does not tell whether it is a classifier or a regressor: give the job")

    def _check_probabilities(self) -> None:
        if self._gives_probabilities and not hasattr(self._estimator, "predict_proba"):
            raise UnservableEstimator(
                f"{_class_name(self._estimator)} has no predict_proba: calibrate it with "
                "sklearn.calibration.CalibratedClassifierCV and save it again, or set config.output: label"
            )

    def _ask(self) -> Outputs:
        """Answer the witness as it comes, to see what the answers are."""
        labels = self._estimator.predict(self._table.build(_copied(self._witness)))
        probabilities = None
        if self._gives_probabilities:
            probabilities = self._estimator.predict_proba(self._table.build(_copied(self._witness)))
        return _outputs.discover(labels, probabilities, getattr(self._estimator, "classes_", None), job=self.job)


def _most_probable(estimator: Any) -> Callable[[Any], Any] | None:
    """How a PyTorchEstimator makes labels of probabilities, which spares its module a second call; None for all others.

    A class that inherits from it may have methods of its own: those are asked.
    """
    names = ("predict", "predict_proba", "most_probable")
    kinds = {next((kind for kind in type(estimator).__mro__ if name in vars(kind)), object) for name in names}
    is_ours = {(kind.__module__, kind.__name__) for kind in kinds} == {_WRAPPER}
    return estimator.most_probable if is_ours and hasattr(estimator, "most_probable") else None


def _copied(tensors: Tensors) -> Tensors:
    return {name: array.copy() for name, array in tensors.items()}


def _class_name(thing: Any) -> str:
    kind = type(thing)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
