"""Loading and unloading models of a server that runs."""

import asyncio
import gc
import threading

import numpy as np
import pytest
from constants import publish, publish_corrupt
from sklearn.linear_model import LinearRegression

from model_deployment_app import repository as module
from model_deployment_app.engine.revision import Revision
from model_deployment_app.errors import (
    ArtifactNotFound,
    ArtifactRejected,
    ModelBusy,
    ModelNotFound,
    ModelNotReady,
    UnservableEstimator,
)
from model_deployment_app.repository import Entry, ModelRepository, ModelSource
from model_deployment_app.telemetry.metrics import Metrics
from model_deployment_app.tensors import ROWS

ROW = {ROWS: np.zeros((1, 1))}


@pytest.fixture
def metrics():
    return Metrics()


@pytest.fixture
def sources(tmp_path):
    """Two models, that answer 1 and 2."""
    sources = []
    for number, name in enumerate(("a", "b"), start=1):
        path = tmp_path / f"{name}.joblib"
        publish(number, path)
        sources.append(
            ModelSource(
                name=name,
                version=None,
                uri=path.as_uri(),
                sha256=None,
                project=None,
                model_format="joblib",
                options={"job": "regression", "input_size": 1},
            )
        )
    return sources


@pytest.fixture
def models(sources, tmp_path, metrics):
    """Both of them, loaded."""
    repository = ModelRepository(sources, cache_dir=tmp_path / "cache", metrics=metrics)
    for name in repository.names():
        repository.load(name)
    return repository


async def answer(revision):
    outputs = await revision.run(revision.signature.check(ROW), ["predictions"])
    return float(outputs["predictions"][0])


def values_of(metrics, series):
    return [line for line in metrics.text().decode().splitlines() if line.startswith(series)]


def test_a_load_by_request_serves_what_is_at_the_address_now(models, metrics, tmp_path):
    async def swap():
        before = models.get("a").version
        publish(10, tmp_path / "a.joblib")
        loaded = await models.reload("a", timeout_s=10)
        return before, loaded, await answer(models.get("a")), await answer(models.get("b"))

    before, loaded, of_a, of_b = asyncio.run(swap())

    assert (of_a, of_b) == (10, 2)
    assert models.get("a") is loaded
    assert loaded.version != before
    assert models.generation == 1
    artifacts = values_of(metrics, "model_serving_artifact_info{")
    assert len(artifacts) == 2
    assert any(f'model="a",sha256="{loaded.sha256}"' in line for line in artifacts)
    assert values_of(metrics, "model_serving_models_loaded ") == ["model_serving_models_loaded 2.0"]


def test_an_artifact_that_is_refused_leaves_the_one_that_answers(models, tmp_path):
    async def swap():
        before = models.get("a")
        publish_corrupt(tmp_path / "a.joblib")
        with pytest.raises(ArtifactRejected):
            await models.reload("a", timeout_s=10)
        assert models.get("a") is before
        return await answer(models.get("a"))

    assert asyncio.run(swap()) == 1
    assert models.waiting() == []
    assert models.generation == 0
    [of_a, of_b] = models.index()
    assert (of_a.state, of_b.state, of_b.reason) == ("READY", "READY", "")
    assert of_a.reason.startswith("ArtifactRejected: file:///")


def test_a_load_that_follows_clears_the_failure(models, tmp_path):
    async def swap():
        publish_corrupt(tmp_path / "a.joblib")
        with pytest.raises(ArtifactRejected):
            await models.reload("a", timeout_s=10)
        publish(3, tmp_path / "a.joblib")
        await models.reload("a", timeout_s=10)

    asyncio.run(swap())

    assert models.failure("a") is None


def test_an_unloaded_model_is_not_missed_and_says_why_it_does_not_answer(models, metrics):
    version = models.get("a").version

    asyncio.run(models.unload("a"))

    with pytest.raises(ModelNotReady, match="a: unloaded by request"):
        models.get("a", version)
    assert models.ready() == ["b"]
    assert models.names() == ["a", "b"]
    assert models.waiting() == []
    assert models.index()[0] == Entry("a", None, "UNAVAILABLE", "unloaded by request")
    assert values_of(metrics, "model_serving_models_loaded ") == ["model_serving_models_loaded 1.0"]
    assert all('model="b"' in line for line in values_of(metrics, "model_serving_artifact_info{"))
    assert all('model="b"' in line for line in values_of(metrics, "model_serving_model_load_seconds{"))


def test_to_unload_twice_is_to_unload_once(models):
    async def unload_twice():
        await models.unload("a")
        await models.unload("a")

    asyncio.run(unload_twice())

    assert models.generation == 1


def test_an_unloaded_model_comes_back_by_a_load(models):
    async def there_and_back():
        await models.unload("a")
        await models.reload("a", timeout_s=10)
        return await answer(models.get("a"))

    assert asyncio.run(there_and_back()) == 1
    assert models.generation == 2


def test_an_unloaded_model_that_cannot_be_loaded_is_still_not_missed(models, tmp_path):
    async def there_and_not_back():
        await models.unload("a")
        (tmp_path / "a.joblib").unlink()
        with pytest.raises(ArtifactNotFound):
            await models.reload("a", timeout_s=10)

    asyncio.run(there_and_not_back())

    assert models.waiting() == []
    with pytest.raises(ModelNotReady, match="a: ArtifactNotFound: "):
        models.get("a")


@pytest.mark.parametrize("act", ["reload", "unload"])
def test_a_model_that_there_is_not_cannot_be_asked_for(models, act):
    with pytest.raises(ModelNotFound, match="no model is named 'c'; there is a, b"):
        asyncio.run(models.unload("c") if act == "unload" else models.reload("c", timeout_s=10))


def test_a_model_that_is_being_loaded_is_neither_loaded_nor_unloaded_beside_that(models, monkeypatch):
    gate = threading.Event()
    load = module.load
    monkeypatch.setattr(module, "load", lambda *of, **how: gate.wait(10) and load(*of, **how))

    async def collide():
        first = asyncio.create_task(models.reload("a", timeout_s=10))
        await asyncio.sleep(0)
        for second in (models.reload("a", timeout_s=10), models.unload("a")):
            with pytest.raises(ModelBusy, match="a is being loaded or unloaded already"):
                await second
        # The loop is free meanwhile, and what was there answers.
        assert await answer(models.get("a")) == 1
        await models.unload("b")
        gate.set()
        await first

    asyncio.run(collide())

    assert models.ready() == ["a"]


def test_what_was_asked_before_a_swap_is_answered_by_what_was_asked(models, tmp_path):
    async def swap_under_way():
        old = models.get("a")
        asked = [asyncio.create_task(answer(old)) for _ in range(20)]
        await asyncio.sleep(0)
        publish(10, tmp_path / "a.joblib")
        await models.reload("a", timeout_s=10)
        return await asyncio.gather(*asked)

    assert set(asyncio.run(swap_under_way())) == {1.0}


def test_a_replaced_and_a_refused_model_leave_the_memory(models, tmp_path):
    async def swap_and_fail():
        publish(1001, tmp_path / "a.joblib")
        await models.reload("a", timeout_s=10)
        assert 1001 in numbers_in_memory()
        publish(1002, tmp_path / "a.joblib")
        await models.reload("a", timeout_s=10)
        publish(1003, tmp_path / "a.joblib", width=2)
        with pytest.raises(UnservableEstimator):
            await models.reload("a", timeout_s=10)

    asyncio.run(swap_and_fail())
    for thread in threading.enumerate():
        # It may still hold what it has just handed over.
        if thread.name == "load":
            thread.join(10)

    assert {1001, 1002, 1003} & numbers_in_memory() == {1002}
    assert models.failure("a") is not None


def numbers_in_memory():
    # A thread that has loaded holds what it has loaded until it has ended.
    for thread in threading.enumerate():
        if thread.name == "load":
            thread.join()
    gc.unfreeze()  # else those that a load has settled are not told
    gc.collect()
    estimators = [each for each in gc.get_objects() if type(each) is LinearRegression]
    # Those that other tests left may answer several numbers, or not be fitted.
    return {each.intercept_ for each in estimators if isinstance(getattr(each, "intercept_", None), float)}


def test_a_drain_that_does_not_end_does_not_hold_the_answer(models, monkeypatch, caplog):
    monkeypatch.setattr(module, "LONGEST_DRAIN_S", 0.05)
    monkeypatch.setattr(Revision, "close", lambda _: asyncio.Event().wait())

    asyncio.run(models.unload("a"))

    assert models.ready() == ["b"]
    assert "still answers requests" in caplog.text


def test_of_several_models_one_that_is_refused_leaves_the_others(sources, tmp_path):
    publish_corrupt(tmp_path / "a.joblib")
    fresh = ModelRepository(sources, cache_dir=tmp_path / "cache")
    refusals = []

    fresh.start(budget_s=10, on_refusal=refusals.append)
    while fresh.is_busy("b"):
        pass

    assert refusals == []
    assert fresh.ready() == ["b"]
    assert fresh.waiting() == ["a"]
    assert [entry.state for entry in fresh.index()] == ["UNAVAILABLE", "READY"]
    with pytest.raises(ModelNotReady, match="a: ArtifactRejected: "):
        fresh.get("a")


def test_what_nobody_foresaw_is_a_refusal_too(models, monkeypatch):
    def leave(*_, **__):
        raise SystemExit(3)

    monkeypatch.setattr(module, "load", leave)

    with pytest.raises(module.LoadError, match="loading failed: SystemExit: 3"):
        asyncio.run(models.reload("a", timeout_s=10))

    assert models.ready() == ["a", "b"]
    assert not models.is_busy("a")
