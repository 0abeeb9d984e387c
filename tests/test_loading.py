import hashlib
import json

import joblib
import pytest
from fake_gcs import fake_gcs
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from model_deployment_app import packing
from model_deployment_app.errors import (
    ArtifactDenied,
    ArtifactNotFound,
    ArtifactRejected,
    UnservableEstimator,
    VersionSkew,
    WrongAnswers,
)
from model_deployment_app.loading import ModelSource, load


@pytest.fixture
def artifact(tmp_path):
    path = tmp_path / "iris.joblib"
    joblib.dump(LogisticRegression(max_iter=500).fit(*load_iris(return_X_y=True)), path)
    return path


@pytest.fixture
def describe(artifact):
    """Pack the artifact, and change what its passport says."""

    def run(**changes):
        document = json.loads(packing.pack(artifact).to_json())
        document["golden"] |= changes.pop("golden", {})
        artifact.with_name("iris.joblib.passport.json").write_text(json.dumps(document | changes))

    return run


@pytest.fixture
def start(artifact, tmp_path):
    def run(*, uri=None, sha256=None, options=None, **more):
        options = {"job": "classification"} | (options or {})
        source = ModelSource("iris", None, uri or artifact.as_uri(), sha256, None, "joblib", options, **more)
        return load(source, timeout_s=10, cache_dir=tmp_path / "cache")

    return run


def test_a_start_is_accounted_for_by_phase(start, describe):
    describe()

    loaded = start()

    assert list(loaded.load_seconds) == ["download", "verify", "audit", "import", "unpickle", "inspect", "warm-up"]
    assert loaded.passport.sha256 == loaded.sha256


def test_without_a_passport_it_is_said_once_that_nothing_is_verified(start, caplog):
    assert start().passport is None

    told = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert len(told) == 1
    assert "no passport, and no sha256 pinned: nothing verifies" in told[0]


def test_a_passport_can_be_required(start):
    with pytest.raises(ArtifactNotFound, match="write one with mda pack, and publish both with mda push"):
        start(require_passport=True)


def test_a_passport_of_other_bytes_is_used_for_nothing(start, describe, artifact, caplog):
    describe(sha256="0" * 64, golden={"outputs": {"labels": [2]}})
    sha256 = hashlib.sha256(artifact.read_bytes()).hexdigest()

    assert start(sha256=sha256).passport is None

    assert "its passport is of other bytes" in caplog.text
    for options in ({}, {"sha256": sha256, "require_passport": True}):
        with pytest.raises(ArtifactRejected, match="its passport is of other bytes"):
            start(**options)


@pytest.mark.parametrize("versions", ["compatible", "exact"])
def test_other_libraries_are_refused_before_unpickling(start, describe, artifact, versions):
    artifact.write_bytes(artifact.read_bytes())
    describe(libraries={"numpy": "1.26.4"})

    with pytest.raises(VersionSkew, match=r"iris\.joblib: packed with numpy 1\.26\.4"):
        start(versions=versions)


def test_other_libraries_are_told_where_that_is_wanted(start, describe, caplog):
    describe(libraries={"numpy": "1.26.4"})

    start(versions="warn")

    assert "the model was packed with numpy 1.26.4 (here " in caplog.text


def test_another_answer_is_refused(start, describe):
    describe(golden={"outputs": {"labels": [99]}})

    with pytest.raises(WrongAnswers, match=r"iris\.joblib: row 0 of its passport: labels were 99"):
        start()


def test_golden_rows_that_do_not_fit_are_not_blamed_on_the_config(start, describe):
    describe(golden={"instances": [[1, 2]]})

    with pytest.raises(UnservableEstimator, match="row 0 of its passport does not fit the estimator"):
        start()


def test_a_store_that_hides_passports_is_enough_unless_one_is_required(start, artifact, monkeypatch, caplog):
    with fake_gcs() as store:
        store.put("models/iris.joblib", artifact.read_bytes())
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", store.address)
        store.describing = [lambda _, ask, reply: setattr(reply, "status", 403 if "passport" in ask.path else 200)]
        loaded = start(uri="gs://models/iris.joblib")
        with pytest.raises(ArtifactDenied):
            start(uri="gs://models/iris.joblib", require_passport=True)

    assert loaded.passport is None
    assert "the passport cannot be read: " in caplog.text
