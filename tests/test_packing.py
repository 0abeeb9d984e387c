import pickle
import sys
import types

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.datasets import load_iris
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline

from model_deployment_app import packing
from model_deployment_app.errors import (
    ArtifactNotFound,
    ArtifactRejected,
    InvalidRequest,
    LoadError,
    NotAnEstimator,
    UnservableEstimator,
)
from model_deployment_app.loading import ModelSource, load

FLOWERS, SPECIES = load_iris(return_X_y=True)
NAMES = np.array(["ä", "b"], dtype=object)[(SPECIES == 1).astype(int)]


class Dice(RegressorMixin, BaseEstimator):
    """Answers otherwise each time."""

    n_features_in_ = 2

    def predict(self, table):
        return np.random.default_rng().random(len(table))


class Spoiler(RegressorMixin, BaseEstimator):
    """Writes into what it is given."""

    n_features_in_ = 2

    def predict(self, table):
        table += 1
        return table.sum(axis=1)


@pytest.fixture
def pack(tmp_path):
    def run(estimator, **options):
        joblib.dump(estimator, tmp_path / "model.joblib")
        return packing.pack(tmp_path / "model.joblib", image_has=[__name__], **options)

    return run


@pytest.fixture
def reload(tmp_path):
    """Load what was packed, as a pod would."""

    def run(record, **options):
        path = tmp_path / "model.joblib"
        path.with_name(path.name + ".passport.json").write_text(record.to_json())
        options = {"job": record.job, "output": record.output, "trusted_types": record.trusted_types} | options
        source = ModelSource("m", None, path.as_uri(), None, None, "joblib", options, require_passport=True)
        return load(source, timeout_s=10, cache_dir=tmp_path / "cache")

    return run


@pytest.fixture(scope="module")
def network():
    torch = pytest.importorskip("torch")
    from model_deployment_app.model import PyTorchEstimator

    torch.manual_seed(0)
    return PyTorchEstimator(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 3)), classes=["a", "b", "c"])


LOGISTIC = LogisticRegression(max_iter=500)
PACKED = {
    "no sample": (LOGISTIC.fit(FLOWERS, SPECIES), {}),
    "whole numbers": (
        make_pipeline(LogisticRegression(max_iter=500)).fit(FLOWERS, SPECIES),
        {"sample": [[1, 2, 3, 4]]},
    ),
    "label": (LogisticRegression(max_iter=500).fit(FLOWERS, NAMES), {"output": "label"}),
    "bools": (LogisticRegression(max_iter=500).fit(FLOWERS, SPECIES == 1), {}),
    "a null first": (
        HistGradientBoostingClassifier(max_iter=3).fit(FLOWERS, SPECIES),
        {"sample": [[None, 1, 2, 3], [1, 2, 3, None]]},
    ),
    "an imputer": (make_pipeline(SimpleImputer(), Ridge()).fit(FLOWERS, SPECIES), {"sample": [[None, 1, 2, 3]]}),
    "multi-label": (
        RandomForestClassifier(3, random_state=0).fit(FLOWERS, np.column_stack([SPECIES == 1, SPECIES == 2])),
        {},
    ),
    "many labels": (RandomForestClassifier(3, random_state=0).fit(FLOWERS, np.column_stack([NAMES, NAMES])), {}),
    "many numbers": (Ridge().fit(FLOWERS, FLOWERS[:, :2]), {"sample": FLOWERS[:3].tolist()}),
    "named": (
        Ridge().fit(pd.DataFrame(FLOWERS, columns=list("abcd")), SPECIES),
        {"sample": [{"d": 1, "c": 2, "b": 3, "a": 4}]},
    ),
    "a class of its own": (Spoiler(), {"sample": [[1, 2], [3, 4]]}),
}


@pytest.mark.parametrize("kind", PACKED)
def test_what_is_packed_loads_and_gives_the_same_answers(pack, reload, kind):
    estimator, options = PACKED[kind]

    record = pack(estimator, **options)

    assert reload(record).passport == record


def test_an_image_is_packed_with_its_nested_rows(pack, reload, network):
    images = np.random.default_rng(0).random((2, 1, 3, 4)).tolist()

    record = pack(network, sample=images)

    assert record.golden.instances == images
    assert (record.golden.rtol, "torch" in record.libraries) == (1e-2, True)
    assert reload(record).passport == record


def test_a_passport_with_probabilities_serves_a_config_with_labels(pack, reload):
    record = pack(LOGISTIC.fit(FLOWERS, SPECIES))

    assert reload(record, output="label").passport == record


def test_a_passport_says_what_the_model_is(pack, tmp_path):
    record = pack(LOGISTIC.fit(FLOWERS, SPECIES), metadata={"team": "ünï"})

    assert record.size_bytes == (tmp_path / "model.joblib").stat().st_size
    assert record.estimator == "sklearn.linear_model._logistic.LogisticRegression"
    assert (record.format, record.job, record.classes) == ("joblib", "classification", [[0, 1, 2]])
    assert "sklearn.linear_model._logistic" in record.imports
    assert {"numpy", "scikit-learn", "scipy", "joblib"} <= set(record.libraries)
    assert (record.trusted_types, record.pickle, record.metadata) == ([], "restricted", {"team": "ünï"})


def test_what_is_not_on_the_list_is_to_be_trusted(pack):
    assert pack(Spoiler()).trusted_types == [f"{__name__}.Spoiler"]


def test_a_long_sample_is_cut(pack):
    record = pack(Ridge().fit(FLOWERS, SPECIES), sample=np.tile(FLOWERS, (7, 1)).tolist())

    assert len(record.golden.instances) == packing.MOST_ROWS


@pytest.mark.parametrize(
    ("sample", "error", "words"),
    [
        ([], InvalidRequest, "the sample: instances: expected at least one row"),
        ([[1, 2, 3]], LoadError, "row 0 of the sample does not fit the estimator: row 0: expected 4 values, got 3"),
        ([[1, 2, 3, 4], [1]], InvalidRequest, "the sample: row 1: expected 4 value"),
        ([[1, 2, 3, 4], [1, 2, 3, None]], InvalidRequest, "the sample: row 1, column 3: .* does not take null"),
        ([{"a": 1}], LoadError, "row 0 of the sample does not fit the estimator: .* without column names"),
        (["text"], LoadError, "row 0 of the sample does not fit the estimator"),
    ],
)
def test_a_sample_that_does_not_fit_is_told_as_such(pack, sample, error, words):
    with pytest.raises(error, match=words):
        pack(Ridge().fit(FLOWERS, SPECIES), sample=sample)


@pytest.mark.parametrize("tolerances", [{"rtol": float("inf")}, {"atol": float("nan")}, {"rtol": -1.0}, {"rtol": 0.2}])
def test_a_tolerance_that_lets_anything_pass_is_refused(pack, tolerances):
    with pytest.raises(InvalidRequest, match=r"rtol: expected 0 to 0\.1, atol: 0 or more"):
        pack(Ridge().fit(FLOWERS, SPECIES), **tolerances)


def test_a_model_that_answers_otherwise_each_time_is_refused(pack):
    with pytest.raises(UnservableEstimator, match=r"answers row 0 of the sample in two ways .* fix its random_state"):
        pack(Dice())


@pytest.mark.parametrize("thing", [{"a": 1}, None, [Ridge()]])
def test_what_is_no_estimator_is_refused(pack, thing):
    with pytest.raises(NotAnEstimator, match=r"model\.joblib: the artifact holds a"):
        pack(thing)


@pytest.mark.parametrize(
    ("module", "words"),
    [
        ("__main__", "needs 'Net' from __main__: define it in an importable module"),
        ("not_in_the_image", "needs the module 'not_in_the_image', .* --image-has not_in_the_image"),
    ],
)
def test_a_class_that_a_pod_cannot_import_is_refused(tmp_path, monkeypatch, module, words):
    kind = type("Net", (BaseEstimator,), {"__module__": module})
    if module not in sys.modules:
        monkeypatch.setitem(sys.modules, module, types.ModuleType(module))
    monkeypatch.setattr(sys.modules[module], "Net", kind, raising=False)
    (tmp_path / "net.pkl").write_bytes(pickle.dumps(kind()))

    with pytest.raises(ArtifactRejected, match=words):
        packing.pack(tmp_path / "net.pkl")


def test_a_folder_is_no_model(tmp_path):
    with pytest.raises(ArtifactNotFound, match="is a folder: name the file in it"):
        packing.pack(tmp_path)


def test_training_rows_are_summarised_by_column():
    rows = pd.DataFrame({"age": [1.0, 3.0, None], "city": ["Ulm", "Ulm", None], "void": [np.nan] * 3})

    training = packing.summarised(rows)

    age, city, void = training.features.values()
    assert training.rows == 3
    assert (age.missing, age.minimum, age.maximum, age.mean, age.deviation) == (1, 1.0, 3.0, 2.0, 1.0)
    assert (city.missing, city.values) == (1, {"Ulm": 2})
    assert (void.missing, void.values) == (3, {})
