import re
import threading
import time

import joblib
import pytest
from artifacts.faults import UNAVAILABLE, all_of, with_header
from fake_gcs import fake_gcs, well
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from model_deployment_app.errors import (
    ArtifactNotFound,
    ArtifactRejected,
    ArtifactUnavailable,
    ModelNotFound,
    ModelNotReady,
    NotAnEstimator,
)
from model_deployment_app.repository import ModelRepository, ModelSource


@pytest.fixture
def artifact(tmp_path):
    path = tmp_path / "iris.joblib"
    joblib.dump(LogisticRegression(max_iter=500).fit(*load_iris(return_X_y=True)), path)
    return path


@pytest.fixture
def repository(tmp_path):
    def make(path, *, uri=None, sha256=None, version=None, generation=None) -> ModelRepository:
        source = ModelSource(
            name="iris",
            version=version,
            uri=uri or path.as_uri(),
            sha256=sha256,
            project=None,
            model_format="joblib",
            options={"job": "classification"},
            generation=generation,
        )
        return ModelRepository([source], cache_dir=tmp_path / "cache")

    return make


@pytest.fixture
def start():
    """Start loading and wait for its end: ready, or refused."""

    def run(repository: ModelRepository, budget_s: float) -> list:
        refusals = []
        over = threading.Event()
        repository.start(
            budget_s=budget_s, on_refusal=lambda error: (refusals.append(error), over.set()), first_wait_s=0.1
        )
        while not repository.ready() and not over.wait(0.01):
            pass
        return refusals

    return run


def test_a_loaded_model_answers_by_name_and_without_one(repository, artifact):
    models = repository(artifact)
    loaded = models.load("iris")

    assert models.get("iris") is models.get() is loaded
    assert models.ready() == models.names() == ["iris"]


def test_the_version_is_the_start_of_the_digest_unless_it_is_given(repository, artifact):
    unnamed = repository(artifact).load("iris")
    named = repository(artifact, version="v7").load("iris")

    assert unnamed.version == unnamed.sha256[:12]
    assert named.version == "v7"


def test_no_model_is_seen_before_it_is_loaded(repository, artifact):
    models = repository(artifact)

    with pytest.raises(ModelNotReady, match="iris is loading"):
        models.get()
    assert models.ready() == []
    assert models.failure("iris") is None


def test_an_unknown_name_is_told_which_names_there_are(repository, artifact):
    with pytest.raises(ModelNotFound, match="no model is named 'rose'; there is iris"):
        repository(artifact).get("rose")


def test_a_failure_names_the_artifact_and_stays_to_be_asked_for(repository, tmp_path):
    path = tmp_path / "dict.joblib"
    joblib.dump({"a": 1}, path)
    models = repository(path)

    with pytest.raises(NotAnEstimator, match=f"{path.as_uri()}: the artifact holds a dict"):
        models.load("iris")

    assert isinstance(models.failure("iris"), NotAnEstimator)
    with pytest.raises(ModelNotReady, match="iris: NotAnEstimator: "):
        models.get("iris")


def test_other_bytes_than_those_pinned_are_not_unpickled(repository, tmp_path):
    path = tmp_path / "canary.joblib"
    canary = tmp_path / "canary"
    joblib.dump(_Canary(str(canary)), path)

    with pytest.raises(ArtifactRejected, match=r"but config.model.sha256 is"):
        repository(path, sha256="0" * 64).load("iris")

    assert not canary.exists()


class _Canary:
    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


def test_what_cannot_heal_is_refused_at_once(repository, tmp_path, start):
    [refusal] = start(repository(tmp_path / "missing.joblib"), budget_s=60)

    assert isinstance(refusal, ArtifactNotFound)


def test_a_store_that_does_not_answer_is_asked_until_the_budget_is_spent(repository, artifact, monkeypatch, start):
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:9")
    models = repository(artifact, uri="gs://bucket/iris.joblib")
    started = time.monotonic()

    [refusal] = start(models, budget_s=2.0)

    assert time.monotonic() - started < 5
    assert isinstance(refusal, ArtifactUnavailable)
    assert "cannot be reached" in str(refusal)
    assert re.search(r"\(attempts: ([2-9]|1\d), in \d s\)$", str(refusal))
    assert models.failure("iris").code == "ArtifactUnavailable"


def test_a_store_that_comes_back_is_enough_and_each_attempt_is_told(repository, artifact, start, caplog):
    with fake_gcs(sending=[UNAVAILABLE, UNAVAILABLE, well]) as store, pytest.MonkeyPatch.context() as environment:
        environment.setenv("STORAGE_EMULATOR_HOST", store.address)
        store.put("models/iris.joblib", artifact.read_bytes())
        models = repository(artifact, uri="gs://models/iris.joblib")
        refusals = start(models, budget_s=60)

    told = [record.getMessage() for record in caplog.records if record.getMessage().startswith("attempt")]
    assert refusals == []
    assert models.get().name == "iris"
    assert len(store.of("send")) == 3
    assert [line.partition(" failed")[0] for line in told] == ["attempt 1", "attempt 2"]
    assert all(
        re.search(r"the next in 0\.\d s: gs://models/iris.joblib: the store failed \(503", line) for line in told
    )


@pytest.mark.parametrize(("asked_s", "waited_s"), [("1", 1.0), ("3600", 0.0), ("soon", 0.0)])
def test_a_store_is_left_alone_as_long_as_it_asks_if_there_is_time(repository, artifact, start, asked_s, waited_s):
    busy = all_of(UNAVAILABLE, with_header("Retry-After", asked_s))
    with fake_gcs(describing=[busy, well]) as store, pytest.MonkeyPatch.context() as environment:
        environment.setenv("STORAGE_EMULATOR_HOST", store.address)
        store.put("models/iris.joblib", artifact.read_bytes())
        models = repository(artifact, uri="gs://models/iris.joblib")
        started = time.monotonic()
        refusals = start(models, budget_s=5)
        passed_s = time.monotonic() - started

    assert refusals == []
    assert waited_s <= passed_s < 5


def test_a_pinned_generation_reaches_the_store(repository, artifact, start):
    with fake_gcs() as store, pytest.MonkeyPatch.context() as environment:
        environment.setenv("STORAGE_EMULATOR_HOST", store.address)
        store.put("models/iris.joblib", artifact.read_bytes(), generation=7)
        models = repository(artifact, uri="gs://models/iris.joblib", generation=8)
        [refusal] = start(models, budget_s=60)

    assert isinstance(refusal, ArtifactRejected)
    assert "generation is 8, but the store has generation 7" in str(refusal)
