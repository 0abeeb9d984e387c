"""Pickles that hold PyTorch tensors of other machines' devices, whoever made them."""

import gzip
import io
import pickle

import joblib
import numpy as np
import pytest
import torch
from forged import tagged_as
from numpy.testing import assert_array_equal
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from model_deployment_app import plugins
from model_deployment_app.errors import InvalidConfig
from model_deployment_app.formats import _torch
from model_deployment_app.formats._estimator import EstimatorPredictor
from model_deployment_app.formats._unpickler import unpickle
from model_deployment_app.model import PyTorchEstimator
from model_deployment_app.tensors import ROWS

X = np.random.default_rng(0).normal(size=(20, 4))


class Theirs(ClassifierMixin, BaseEstimator):
    """An estimator of somebody else's that holds tensors."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.weights = torch.randn(4, 3, dtype=torch.bfloat16)
        self.classes_ = np.array([0, 1, 2])
        self.n_features_in_ = 4

    def fit(self, rows, labels=None):
        return self

    def predict_proba(self, rows):
        return torch.softmax(torch.tensor(rows) @ self.weights.double(), 1).numpy()

    def predict(self, rows):
        return self.predict_proba(rows).argmax(axis=1)


def ours() -> PyTorchEstimator:
    torch.manual_seed(0)
    return PyTorchEstimator(torch.nn.Linear(4, 3).bfloat16(), dtype="bfloat16", n_features_in=4)


def scaled(estimator):
    return make_pipeline(StandardScaler().fit(X), estimator)


ESTIMATORS = {
    "ours": ours,
    "theirs": Theirs,
    "ours in a pipeline": lambda: scaled(ours()),
    "theirs in a pipeline": lambda: scaled(Theirs()),
    "ours frozen in a pipeline": lambda: scaled(FrozenEstimator(ours())),
}

WRITERS = {
    "pickle": lambda estimator, path: path.write_bytes(pickle.dumps(estimator)),
    "gzipped pickle": lambda estimator, path: path.write_bytes(gzip.compress(pickle.dumps(estimator))),
    "joblib": joblib.dump,
    "joblib, zlib": lambda estimator, path: joblib.dump(estimator, path, compress=3),
    "joblib, xz": lambda estimator, path: joblib.dump(estimator, path, compress=("xz", 3)),
}


@pytest.mark.parametrize("location", ["cuda:0", "cuda:7", "mps", "xpu:0", "cpu"])
@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_a_pickle_from_any_device_answers_the_same_here(tmp_path, estimator, writer, location):
    made, path = ESTIMATORS[estimator](), tmp_path / "model.pkl"
    with tagged_as(location):
        WRITERS[writer](made, path)

    with path.open("rb") as file:
        predictor = plugins.find("formats", "joblib").load(
            file, job="classification", device="cpu", trusted_types=["test_torch.Theirs"]
        )
    outputs = predictor.predict(predictor.signature.check({ROWS: X}), ["probabilities"])

    assert_array_equal(outputs["probabilities"], made.predict_proba(X))


def test_without_us_such_a_pickle_does_not_load(tmp_path):
    with tagged_as("cuda:0"):
        joblib.dump(ours(), tmp_path / "model.joblib")

    with pytest.raises(RuntimeError, match="Attempting to deserialize object on a CUDA device"):
        joblib.load(tmp_path / "model.joblib")


def test_tensors_in_an_array_of_objects_are_loaded_too(tmp_path):
    made, path = np.array([ours(), torch.ones(2)], dtype=object), tmp_path / "model.joblib"
    with tagged_as("cuda:0"):
        joblib.dump(made, path)

    with path.open("rb") as file:
        estimator, tensor = unpickle(file, device="cpu", memory_fraction=None, trusted=None)

    assert_array_equal(tensor, torch.ones(2))
    assert estimator.device == "cpu"


def test_every_estimator_inside_gets_the_device_of_the_config(tmp_path):
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(scaled(FrozenEstimator(ours()))))

    with path.open("rb") as file:
        loaded = unpickle(file, device="cpu", memory_fraction=None, trusted=None)

    assert loaded[-1].estimator.device == "cpu"


@pytest.mark.parametrize("asked", ["cuda", "cuda:0", "cuda:3"])
def test_a_device_that_this_host_has_not_is_one_line(tmp_path, asked):
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(StandardScaler().fit(X)))

    with path.open("rb") as file, pytest.raises(InvalidConfig) as caught:
        plugins.find("formats", "pkl").load(file, job="classification", device=asked)

    assert f"config.device='{asked}' asked, host has 0 CUDA devices" in str(caught.value)
    assert "set device: auto or cpu" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_hides_in_a_tensor_is_not_run(tmp_path):
    canary = tmp_path / "canary"
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(_Storage(pickle.dumps(_Canary(str(canary)), protocol=2))))

    with path.open("rb") as file, pytest.raises(pickle.UnpicklingError, match="weights_only"):
        unpickle(file, device="auto", memory_fraction=None, trusted=None)

    assert not canary.exists()


class _Storage:
    """A tensor's storage whose inner pickle is *content*."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def __reduce__(self):
        return torch.storage._load_from_bytes, (self.content,)


class _Canary:
    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


def test_the_share_of_a_gpus_memory_is_set_before_anything_is_put_there(monkeypatch):
    shares = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)  # the fault of this host: it has none
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", lambda *share: shares.append(share))

    device = _torch.device_for("cuda:1", memory_fraction=0.5)

    assert device == torch.device("cuda:1")
    assert shares == [(0.5, torch.device("cuda:1"))]


def test_a_share_of_memory_means_nothing_to_a_cpu():
    assert _torch.device_for("auto", memory_fraction=0.5) == torch.device("cpu")


def test_a_tensor_is_put_where_it_is_asked_for_unless_it_was_on_the_cpu(monkeypatch):
    placed = []
    monkeypatch.setattr(
        torch.serialization,
        "default_restore_location",
        lambda storage, location: (placed.append(location), storage)[1],
    )
    read = _torch.storage_reader(torch.device("cuda:1"))

    for location in ("cuda:0", "mps", "cpu"):
        content = io.BytesIO()
        with tagged_as(location):
            torch.save(torch.ones(2), content, _use_new_zipfile_serialization=False)
        read(content.getvalue())

    assert placed == ["cuda:1", "cuda:1"]


def test_images_are_served_without_classes_too(tmp_path):
    module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(8, 3))
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(PyTorchEstimator(module)))
    images = np.random.default_rng(1).normal(size=(2, 2, 2, 2))

    with path.open("rb") as file:
        predictor = plugins.find("formats", "pkl").load(file, job="classification", example={ROWS: images[:1]})
    outputs = predictor.predict({"input-0": images}, ["probabilities", "labels"])

    assert outputs["labels"].tolist() == outputs["probabilities"].argmax(axis=1).tolist()
    assert predictor.signature.classes == ()


class Stubborn(PyTorchEstimator):
    """Answers the first class, whatever is the most probable."""

    def predict(self, X):  # noqa: N803
        return np.zeros(len(X), dtype=int)


def test_a_module_is_asked_once_for_probabilities_and_labels():
    torch.manual_seed(0)
    calls = []
    module = torch.nn.Linear(4, 3)
    module.register_forward_hook(lambda *_: calls.append(1))
    estimator = PyTorchEstimator(module, n_features_in=4, classes=["a", "b", "c"])
    predictor = EstimatorPredictor(estimator)
    calls.clear()

    answer = predictor.predict({"input-0": X}, ["probabilities", "labels"])

    assert len(calls) == 1
    assert_array_equal(answer["labels"], estimator.predict(X))
    assert_array_equal(answer["probabilities"], estimator.predict_proba(X))


def test_a_predict_of_its_own_is_asked():
    predictor = EstimatorPredictor(Stubborn(torch.nn.Linear(4, 3), n_features_in=4))

    answer = predictor.predict({"input-0": X}, ["probabilities", "labels"])

    assert answer["probabilities"].argmax(axis=1).any()
    assert not answer["labels"].any()
