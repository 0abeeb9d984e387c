import bz2
import gzip
import importlib
import lzma
import pickle
import sys
import types
import zlib

import canaries
import cloudpickle
import joblib
import numpy as np
import pytest
from scipy.stats import loguniform
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.model_selection import RandomizedSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from model_deployment_app import plugins
from model_deployment_app.errors import ArtifactRejected, UntrustedPickle
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


def load(path, model_format, **options):
    with path.open("rb") as file:
        return plugins.find("formats", model_format).load(file, job="classification", **options)


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
        (b"ZF0x16", "was written by joblib before 0.10"),
        (pickle.dumps(MODEL)[:100], "cut short, corrupt or no pickle"),
        (gzip.compress(pickle.dumps(MODEL), mtime=0)[:100], "cut short, corrupt or no pickle"),
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

    with pytest.raises(
        ArtifactRejected, match="needs the Python module 'their_package': install it into the image"
    ) as raised:
        load(path, "pkl")
    with pytest.raises(ArtifactRejected, match="needs the Python module 'their_package': install it into the image"):
        load(path, "pkl", trusted_types=["their_package.Model"])

    assert str(raised.value).endswith("set config.model.trustedTypes: [their_package.Model]")


def test_a_class_of_a_notebook_is_named(tmp_path, monkeypatch):
    main = types.ModuleType("__main__")
    exec("class Net: pass", main.__dict__)
    path = tmp_path / "model.pkl"
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "__main__", main)
        path.write_bytes(pickle.dumps(main.Net()))

    with pytest.raises(ArtifactRejected, match="needs 'Net' from __main__: define it in an importable module"):
        load(path, "pkl")


@pytest.fixture
def their_estimators(tmp_path, monkeypatch):
    (tmp_path / "their_package.py").write_text(
        "from sklearn.linear_model import LogisticRegression\n"
        "class Model(LogisticRegression): pass\n"
        "class Part: pass\n"
        "def tokens(text): return text.split()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("their_package")
    del sys.modules["their_package"]


def test_a_name_that_is_not_on_the_list_is_refused_with_the_line_that_allows_it(tmp_path, their_estimators):
    path = tmp_path / "model.pkl"
    model = their_estimators.Model(max_iter=500).fit(X, Y)
    model.parts = [their_estimators.Part(), their_estimators.tokens]
    path.write_bytes(pickle.dumps(model))

    with pytest.raises(UntrustedPickle) as raised:
        load(path, "pkl")

    names = "their_package.Model, their_package.Part, their_package.tokens"
    assert "names their_package.Model, which is not on the list" in str(raised.value)
    assert str(raised.value).endswith(f"set config.model.trustedTypes: [{names}]")
    assert_answers(load(path, "pkl", trusted_types=names.split(", ")))


def test_the_line_keeps_what_is_allowed_already(tmp_path, their_estimators):
    path = tmp_path / "model.pkl"
    model = their_estimators.Model(max_iter=500).fit(X, Y)
    model.part = their_estimators.Part()
    path.write_bytes(pickle.dumps(model))

    with pytest.raises(UntrustedPickle, match=r"trustedTypes: \[their_package.Model, their_package.Part\]"):
        load(path, "pkl", trusted_types=["their_package.Model"])


def test_a_name_of_scikit_learn_that_is_not_on_the_list_can_be_allowed_too(tmp_path):
    path = tmp_path / "model.pkl"
    model = LogisticRegression(max_iter=500).fit(X, Y)
    model.kernel = rbf_kernel
    path.write_bytes(pickle.dumps(model))

    with pytest.raises(UntrustedPickle, match=r"trustedTypes: \[sklearn.metrics.pairwise.rbf_kernel\]$"):
        load(path, "pkl")

    assert_answers(load(path, "pkl", trusted_types=["sklearn.metrics.pairwise.rbf_kernel"]))


def test_code_by_value_is_loaded_where_the_pickle_is_trusted(tmp_path):
    path = tmp_path / "model.pkl"
    model = make_pipeline(FunctionTransformer(lambda rows: rows), LogisticRegression(max_iter=500)).fit(X, Y)
    path.write_bytes(cloudpickle.dumps(model))

    with pytest.raises(UntrustedPickle, match=r"code by value .cloudpickle.*config.model.pickle: trusted"):
        load(path, "pkl")

    assert_answers(load(path, "pkl", pickle="trusted"))


def test_a_search_over_distributions_is_told_of(tmp_path):
    path = tmp_path / "model.pkl"
    search = RandomizedSearchCV(LogisticRegression(max_iter=500), {"C": loguniform(0.1, 1)}, n_iter=1).fit(X, Y)
    path.write_bytes(pickle.dumps(search))

    with pytest.raises(UntrustedPickle, match=r"distribution of scipy.stats, .* save search.best_estimator_ alone"):
        load(path, "pkl")


@pytest.mark.parametrize("name", ["bad\nname", "a" * 10_000, "\x1b[31m", "their_package.Model"])
def test_a_hostile_name_does_not_leave_its_line(tmp_path, name):
    path = tmp_path / "model.pkl"
    path.write_bytes(canaries.pickled(canaries.Call(canaries.Name(f"pkg.{name}", name))))

    with pytest.raises(ArtifactRejected) as raised:
        load(path, "pkl")

    line = str(raised.value)
    assert line.isprintable()
    assert len(line) < 600


def test_a_pickle_that_exits_is_told_of(tmp_path):
    path = tmp_path / "model.pkl"
    path.write_bytes(b"cbuiltins\nexit\n(I3\ntR.")

    with pytest.raises(ArtifactRejected, match="SystemExit: 3"):
        load(path, "pkl", pickle="trusted")


def test_another_scikit_learn_is_told_of_in_the_log(tmp_path, caplog):
    path = tmp_path / "model.pkl"
    state = MODEL.__getstate__() | {"_sklearn_version": "1.2.2"}
    path.write_bytes(pickle.dumps(_Old(state)))

    load(path, "pkl")

    assert "saved with scikit-learn 1.2.2" in caplog.text


@pytest.mark.parametrize("version", ["1.2\nready: model=x", "1" * 10_000, 12, None])
def test_a_version_that_is_none_is_not_repeated(tmp_path, caplog, version):
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(_Old(MODEL.__getstate__() | {"_sklearn_version": version})))

    assert_answers(load(path, "pkl"))

    assert "saved with scikit-learn an unknown version" in caplog.text
    assert "\nready" not in caplog.text


class _Old:
    """Pickles as a LogisticRegression with this state."""

    def __init__(self, state: dict) -> None:
        self.state = state

    def __reduce__(self):
        return LogisticRegression, (), self.state
