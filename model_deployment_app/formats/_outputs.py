"""What an estimator answers: names, shapes and classes of its outputs, read off its answer to one row."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import UnservableEstimator
from ..signature import TensorSpec
from ..tensors import Tensors


@dataclass(frozen=True, slots=True)
class Outputs:
    """Gives names to what ``predict`` and ``predict_proba`` return.

    Attributes
    ----------
    label_name : {"labels", "predictions"}
        What ``predict`` returns, by job.
    classes : tuple of tuple
        One tuple for each label of a row, in the order of its probabilities; empty where there are none.
    has_column_labels : bool
        ``predict`` returns shape (rows, 1) for one label a row, as gradient boosting libraries do.
    is_multilabel : bool
        ``predict_proba`` returns one column for each label, which is there or is not.
    """

    label_name: str
    classes: tuple[tuple[Any, ...], ...] = ()
    has_column_labels: bool = False
    is_multilabel: bool = False

    def labels(self, answer: Any) -> Tensors:
        """Of shape (rows,), or (rows, labels)."""
        labels = dense(answer)
        if self.label_name == "predictions" and labels.dtype == object:
            labels = labels.astype(np.float64)
        return {self.label_name: labels[:, 0] if self.has_column_labels else labels}

    def probabilities(self, answer: Any) -> Tensors:
        """``probabilities`` of shape (rows, classes), or one such array for each label, numbered."""
        if isinstance(answer, list):
            return {f"probabilities-{i}": dense(array) for i, array in enumerate(answer)}
        array = dense(answer)
        if self.is_multilabel:
            return {f"probabilities-{i}": np.stack([1 - p, p], axis=1) for i, p in enumerate(array.T)}
        return {"probabilities": array}


def discover(labels: Any, probabilities: Any | None, classes: Any | None, *, job: str) -> Outputs:
    """Find out what the answers to one row say of all others.

    Parameters
    ----------
    labels : array-like
        What ``predict`` answered.
    probabilities : array-like, list of array-like or None
        What ``predict_proba`` answered, if it is asked at all.
    classes : array-like, list of array-like or None
        The estimator's ``classes_``.
    job : {"classification", "regression"}
    """
    if job == "regression":
        return Outputs("predictions")
    shape = dense(labels).shape
    is_table = len(shape) == 2 and probabilities is not None and not isinstance(probabilities, list)
    is_multilabel = is_table and shape[1] > 1
    return Outputs(
        "labels",
        _classes(classes, shape[1] if is_multilabel else None),
        has_column_labels=is_table and not is_multilabel,
        is_multilabel=is_multilabel,
    )


def _classes(classes: Any | None, labels: int | None) -> tuple[tuple[Any, ...], ...]:
    if classes is None:
        return ()
    if isinstance(classes, list) and any(np.ndim(each) for each in classes):
        return tuple(tuple(np.asarray(each).tolist()) for each in classes)
    if labels is not None:
        return ((0, 1),) * labels
    return (tuple(np.asarray(classes).tolist()),)


def specs(answers: Tensors, classes: tuple[tuple[Any, ...], ...]) -> tuple[TensorSpec, ...]:
    """Describe the answers to one row.

    Raises
    ------
    UnservableEstimator
        If JSON has no word for them, or their probabilities are not one for each class.
    """
    described = tuple(TensorSpec(name, _dtype_name(array), (None, *array.shape[1:])) for name, array in answers.items())
    if odd := [spec for spec in described if spec.dtype.startswith(("complex", "bytes", "void"))]:
        raise UnservableEstimator(f"the estimator answers {odd[0].dtype}, which JSON has no word for")
    given = [spec.shape for spec in described if spec.name.startswith("probabilities")]
    expected = [(None, len(each)) for each in classes]
    if given and classes and given != expected:  # an estimator may tell no classes
        raise UnservableEstimator(
            f"the estimator answers probabilities of shape {given}, but its classes_ ask for {expected}: set "
            "config.output: label to serve it without them"
        )
    return described


def dense(answer: Any) -> np.ndarray:
    return answer.toarray() if hasattr(answer, "toarray") else np.asarray(answer)


def _dtype_name(array: np.ndarray) -> str:
    return "str" if array.dtype.kind == "U" else array.dtype.name
