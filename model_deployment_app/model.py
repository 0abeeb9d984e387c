"""``PyTorchEstimator``: a trained PyTorch module as a scikit-learn estimator.

Every pickle of one names this path: the class stays here.
"""

import inspect
from collections.abc import Mapping
from numbers import Integral
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike
from scipy.special import expit, softmax
from sklearn.base import BaseEstimator
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils import ClassifierTags, RegressorTags, Tags
from sklearn.utils.metaestimators import available_if

from .torch_module import (
    as_arrays,
    as_table,
    dtype_of,
    input_names,
    needed_inputs,
    on_cpu,
    ready,
    resolve_device,
    unwrapped,
)

#: How far rows of probabilities may be from a sum of 1: half precision rounds.
_SUM_TOLERANCE = 0.05


def _is_classifier(estimator: "PyTorchEstimator") -> bool:
    return estimator.job == "classification"


class PyTorchEstimator(BaseEstimator):
    """Predicts with a module that has been trained elsewhere.

    The module is put into evaluation mode and onto *device* at the first prediction, in place. Its pickle holds the
    weights on the CPU, whatever device they are on, and finds a device anew where it is loaded; the module's class is
    pickled by reference, so it has to be importable there.

    Parameters
    ----------
    module : torch.nn.Module
        Maps a tensor of shape (rows, ...) to one of shape (rows,) or (rows, columns). A module whose ``forward`` needs
        several tensors gets them from the columns of its parameters' names.
    job : {"classification", "regression"}
    output : {"logits", "probabilities", "log_probabilities"}
        What the module answers for classification: one column for each class, or one column for the second of two.
    classes : array-like of shape (classes,), optional
        Labels in the order of the module's columns; 0, 1, … where it is not given.
    n_features_in : int, optional
        Columns of a table; not checked where it is not given, nor for inputs of more than two axes.
    device : str or torch.device
        "auto" (CUDA where there is a device, else the CPU), "cpu", "cuda" or "cuda:<number>".
    dtype : str or dict of str to str
        PyTorch's name of the dtype that the module takes; by input where it has several.
    batch_size : int or None
        Rows that go through the module at once; all of them for None.

    Attributes
    ----------
    classes_ : ndarray of shape (classes,)
        For classification, where *classes* or *n_features_in* is given.
    n_features_in_ : int
        Where *n_features_in* is given, and for a module of several inputs.
    feature_names_in_ : ndarray of str
        The inputs of a module that has several.

    Examples
    --------
    >>> net = torch.nn.Sequential(torch.nn.Linear(4, 3))
    >>> PyTorchEstimator(net, classes=["setosa", "versicolor", "virginica"], n_features_in=4).predict_proba(rows)
    """

    def __init__(
        self,
        module: torch.nn.Module,
        *,
        job: Literal["classification", "regression"] = "classification",
        output: Literal["logits", "probabilities", "log_probabilities"] = "logits",
        classes: ArrayLike | None = None,
        n_features_in: int | None = None,
        device: "str | torch.device" = "auto",
        dtype: str | dict[str, str] = "float32",
        batch_size: int | None = 1024,
    ) -> None:
        self.module = module
        self.job = job
        self.output = output
        self.classes = classes
        self.n_features_in = n_features_in
        self.device = device
        self.dtype = dtype
        self.batch_size = batch_size

    def fit(self, X: Any, y: Any = None) -> "PyTorchEstimator":
        """Refuse: training happens elsewhere."""
        raise NotImplementedError(
            "PyTorchEstimator serves a module that has been trained: train it in PyTorch, or let skorch train it "
            "(skorch.NeuralNetClassifier), and wrap the result; where a meta-estimator calls fit, put this one into "
            "sklearn.frozen.FrozenEstimator"
        )

    def predict(self, X: Any) -> np.ndarray:
        """Labels or values of each row.

        Parameters
        ----------
        X : array-like of shape (rows, ...), data frame, or dict of str to array-like
            Columns are matched by name if the module has several inputs, in any order.

        Returns
        -------
        ndarray of shape (rows,) or (rows, targets)
            Of the dtype of ``classes_``; float64 for regression.

        Raises
        ------
        ValueError
            If *X* has another form than the module takes, holds NaN, infinity or what the module raises at, or if NaN
            is what the module answers for a class.
        """
        if _is_classifier(self):
            return self.most_probable(self.predict_proba(X))
        answers = self._answers(X)
        return answers[:, 0] if answers.shape[1] == 1 else answers

    @available_if(_is_classifier)
    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities of the classes of each row.

        Parameters
        ----------
        X
            As `predict` takes it.

        Returns
        -------
        ndarray of shape (rows, classes), dtype float64
            In the order of ``classes_``.

        Raises
        ------
        ValueError
            As `predict`, and if the module's answers are not what *output* says.
        """
        probabilities = self._probabilities(self._answers(X))
        if self.classes is not None and len(np.asarray(self.classes)) != probabilities.shape[1]:
            raise ValueError(
                f"classes holds {len(np.asarray(self.classes))} labels, but the module answers "
                f"{probabilities.shape[1]} classes"
            )
        return probabilities

    @available_if(_is_classifier)
    def most_probable(self, probabilities: np.ndarray) -> np.ndarray:
        """What `predict` answers where `predict_proba` has answered *probabilities*: the module is not asked again."""
        if np.isnan(probabilities).any():
            raise ValueError("the module answers NaN, of which no class is the most probable")
        labels = np.arange(probabilities.shape[1]) if self.classes is None else np.asarray(self.classes)
        return labels[probabilities.argmax(axis=1)]

    def score(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Accuracy for classification, R² for regression."""
        measure = accuracy_score if _is_classifier(self) else r2_score
        return float(measure(y, self.predict(X), sample_weight=sample_weight))

    @property
    def classes_(self) -> np.ndarray:
        if not _is_classifier(self):
            raise AttributeError("classes_: there are none for regression")
        if self.classes is not None:
            return np.asarray(self.classes)
        try:
            return np.arange(self.predict_proba(np.zeros((1, self.n_features_in_))).shape[1])
        except Exception as error:
            raise AttributeError("classes_: not known; give classes= or n_features_in=") from error

    @property
    def n_features_in_(self) -> int:
        if self.n_features_in is not None:
            return self.n_features_in
        if names := needed_inputs(self.module):
            return len(names)
        raise AttributeError("n_features_in_: not known; give n_features_in=")

    @property
    def feature_names_in_(self) -> np.ndarray:
        if names := needed_inputs(self.module):
            return np.array(names, dtype=object)
        raise AttributeError("feature_names_in_: the module has one input, whose columns have no names")

    def __sklearn_is_fitted__(self) -> bool:
        return isinstance(self.module, torch.nn.Module)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.three_d_array = True
        if _is_classifier(self):
            tags.estimator_type, tags.classifier_tags = "classifier", ClassifierTags()
        else:
            tags.estimator_type, tags.regressor_tags = "regressor", RegressorTags()
            tags.target_tags.multi_output = True
        return tags

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "module": on_cpu(unwrapped(self.module)), "device": str(self.device)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        # A pickle of an earlier version lacks the parameters that have come since.
        parameters = inspect.signature(type(self).__init__).parameters.values()
        defaults = {p.name: p.default for p in parameters if p.default is not p.empty}
        super().__setstate__({**defaults, **state})
        try:
            if self.device != "auto":
                resolve_device(self.device)
        except ValueError:  # the host that it was pickled on had a device that this one has not
            self.device = "auto"

    def _answers(self, X: Any) -> np.ndarray:
        """What the module answers to *X*: float64, of shape (rows, columns)."""
        self._check_parameters()
        inputs = as_arrays(X, self.module, dtype=self.dtype, n_features_in=self.n_features_in)
        rows = len(next(iter(inputs.values())))
        device = resolve_device(self.device)
        module = ready(self.module, device)
        size = self.batch_size or rows
        answers = []
        with torch.inference_mode():
            for start in range(0, rows, size):
                batch = {
                    name: torch.tensor(
                        array[start : start + size], dtype=dtype_of(self.module, self.dtype, name), device=device
                    )
                    for name, array in inputs.items()
                }
                answers.append(as_table(self._call(module, batch), min(size, rows - start)))
        return np.concatenate(answers)

    def _probabilities(self, answers: np.ndarray) -> np.ndarray:
        if self._output() == "logits":
            if answers.shape[1] > 1:
                return softmax(answers, axis=1)
            return np.hstack([expit(-answers), expit(answers)])
        probabilities = np.exp(answers) if self._output() == "log_probabilities" else answers
        if probabilities.shape[1] == 1:
            probabilities = np.hstack([1 - probabilities, probabilities])
        # NaN is the module's own; it passes here.
        if (probabilities < -_SUM_TOLERANCE).any() or (np.abs(probabilities.sum(axis=1) - 1) > _SUM_TOLERANCE).any():
            raise ValueError(f"output is {self.output!r}, but the module's answers do not sum to 1: are they logits?")
        return probabilities

    def _call(self, module: torch.nn.Module, batch: dict[str, torch.Tensor]) -> Any:
        try:
            return module(batch[""]) if "" in batch else module(**batch)
        except RuntimeError as error:
            floats = {weight.dtype for weight in module.parameters() if weight.is_floating_point()}
            inputs = {tensor.dtype for tensor in batch.values() if tensor.is_floating_point()}
            if len(floats) == 1 and inputs and inputs != floats:
                held = str(floats.pop()).removeprefix("torch.")
                raise TypeError(f"the module's weights are {held}: give dtype={held!r}") from error
            if isinstance(error, torch.OutOfMemoryError | torch.AcceleratorError):
                raise
            # An index out of range, say: PyTorch has no error of its own for values that it does not take.
            raise ValueError(f"the module raised {type(error).__name__}: {error}") from error

    def _output(self) -> str:
        return str(self.output).replace("-", "_")

    def _check_parameters(self) -> None:
        if not isinstance(self.module, torch.nn.Module):
            raise TypeError(f"module: expected a torch.nn.Module, got {type(self.module).__name__}")
        for name, value, expected in (
            ("job", self.job, ("classification", "regression")),
            ("output", self._output(), ("logits", "probabilities", "log_probabilities")),
        ):
            if value not in expected:
                raise ValueError(f"{name}={value!r}: expected one of {', '.join(expected)}")
        if self.batch_size is not None and not (isinstance(self.batch_size, Integral) and self.batch_size > 0):
            raise ValueError(f"batch_size={self.batch_size!r}: expected a number above 0, or None")
        if self.classes is not None and np.ndim(self.classes) != 1:
            raise ValueError(f"classes={self.classes!r}: expected a list of labels")
        if isinstance(self.dtype, Mapping) and (odd := self.dtype.keys() - (known := input_names(self.module))):
            raise ValueError(f"dtype names {', '.join(sorted(odd))}: the module takes {', '.join(known)}")
