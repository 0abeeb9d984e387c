import bz2
import gzip
import lzma
import pickle
import sys
import types
import zlib

import joblib
import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from model_deployment_app import plugins
from model_deployment_app.errors import ArtifactRejected
from model_deployment_app.tensors import ROWS

X, Y = load_iris(return_X_y=True)
MODEL = LogisticRegression(max_iter=500).fit(X, Y)


@pytest.mark.parametrize("model_format", ["pkl", "joblib"])
@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_a_plain_pickle_of_any_protocol_is_read(tmp_path, model_format, protocol):
    path = tmp_path / "model"
    path.write_bytes(pickle.dumps(MODEL, protocol=protocol))

    assert_answers(load(path, model_format))


@pytest.mark.parametrize("model_format", ["pkl", "joblib"])
@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress, zlib.compress])
def test_a_compressed_pickle_is_read(tmp_path, model_format, compress):
    path = tmp_path / "model"
    path.write_bytes(compress(pickle.dumps(MODEL)))

    assert_answers(load(path, model_format))


@pytest.mark.parametrize("model_format", ["pkl", "joblib"])
@pytest.mark.parametrize("compress", [0, 3, ("gzip", 3), ("bz2", 3), ("xz", 3), ("lzma", 3)])
def test_what_joblib_writes_is_read(tmp_path, model_format, compress):
    path = tmp_path / "model"
    joblib.dump(MODEL, path, compress=compress)

    assert_answers(load(path, model_format))


def load(path, model_format):
    with path.open("rb") as file:
        return plugins.find("formats", model_format).load(file, job="classification")


def assert_answers(predictor) -> None:
    outputs = predictor.predict(predictor.signature.check({ROWS: X}), ["probabilities"])
    np.testing.assert_array_equal(outputs["probabilities"], MODEL.predict_proba(X))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"<!DOCTYPE html><html>", "looks like an HTML or XML page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1", "is a Git LFS pointer"),
        (b"PK\x03\x04rest", "is a zip archive"),
        (b'{"a": 1}', "is JSON"),
        (b"\x89HDF\r\n", "is an HDF5 file"),
        (pickle.dumps(MODEL)[:100], "cut short, corrupt or no pickle"),
        (gzip.compress(pickle.dumps(MODEL))[:100], "cut short, corrupt or no pickle"),
        (b"\x00" * 50, "cut short, corrupt or no pickle"),
    ],
)
def test_what_is_no_pickle_is_called_by_its_name(tmp_path, content, words):
    path = tmp_path / "model.joblib"
    path.write_bytes(content)

    with pytest.raises(ArtifactRejected, match=words):
        load(path, "joblib")


def test_a_module_that_is_missing_is_named(tmp_path, monkeypatch):
    module = types.ModuleType("their_package")
    exec("class Model: pass", module.__dict__)
    monkeypatch.setitem(sys.modules, "their_package", module)
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(module.Model()))
    monkeypatch.delitem(sys.modules, "their_package")

    with pytest.raises(ArtifactRejected, match="needs the Python module 'their_package': install it into the image"):
        load(path, "pkl")


def test_a_class_of_a_notebook_is_named(tmp_path, monkeypatch):
    main = types.ModuleType("__main__")
    exec("class Net: pass", main.__dict__)
    path = tmp_path / "model.pkl"
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "__main__", main)
        path.write_bytes(pickle.dumps(main.Net()))

    with pytest.raises(ArtifactRejected, match="needs 'Net' from __main__: define it in an importable module"):
        load(path, "pkl")


def test_a_pickle_that_exits_is_told_of(tmp_path):
    path = tmp_path / "model.pkl"
    path.write_bytes(b"cbuiltins\nexit\n(I3\ntR.")

    with pytest.raises(ArtifactRejected, match="SystemExit: 3"):
        load(path, "pkl")


def test_another_scikit_learn_is_told_of_in_the_log(tmp_path, caplog):
    path = tmp_path / "model.pkl"
    state = MODEL.__getstate__() | {"_sklearn_version": "1.2.2"}
    path.write_bytes(pickle.dumps(_Old(state)))

    load(path, "pkl")

    assert "saved with scikit-learn 1.2.2" in caplog.text


class _Old:
    """Pickles as a LogisticRegression with this state."""

    def __init__(self, state: dict) -> None:
        self.state = state

    def __reduce__(self):
        return LogisticRegression, (), self.state
