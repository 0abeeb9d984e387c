"""However many ask for models to be loaded, one is loaded at a time."""

import asyncio
import threading

import numpy as np
import pytest
from constants import publish

from model_deployment_app import repository as module
from model_deployment_app.repository import ModelRepository, ModelSource
from model_deployment_app.telemetry.metrics import Metrics
from model_deployment_app.tensors import ROWS


class Gate:
    """Where models wait to be loaded."""

    def __init__(self, load):
        self.come = []
        self.most_at_once = 0
        self._load = load
        self._loading = 0
        self._tickets = threading.Semaphore(0)

    def load(self, source, **how):
        self.come.append(source.name)
        self._loading += 1
        self.most_at_once = max(self.most_at_once, self._loading)
        assert self._tickets.acquire(timeout=10)
        try:
            return self._load(source, **how)
        finally:
            self._loading -= 1

    def let_in(self, count):
        self._tickets.release(count)


def source(number, path):
    publish(number, path)
    options = {"job": "regression", "input_size": 1}
    return ModelSource(path.stem, None, path.as_uri(), None, None, "joblib", options)


async def answer(revision):
    outputs = await revision.run(revision.signature.check({ROWS: np.zeros((1, 1))}), ["predictions"])
    return float(outputs["predictions"][0])


async def until(condition):
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.001)


@pytest.mark.parametrize("is_taken_back", [False, True])
def test_a_load_by_request_waits_for_those_of_the_start(tmp_path, monkeypatch, is_taken_back):
    gate = Gate(module.load)
    monkeypatch.setattr(module, "load", gate.load)
    starting = ModelRepository([source(1, tmp_path / "a.joblib"), source(2, tmp_path / "b.joblib")], cache_dir=tmp_path)

    async def ask_while_it_starts():
        starting.start(budget_s=10, on_refusal=[].append)
        gate.let_in(1)
        await until(lambda: gate.come == ["a", "b"])
        publish(10, tmp_path / "a.joblib")
        asked = asyncio.create_task(starting.reload("a", timeout_s=10))
        await asyncio.sleep(0.05)
        if is_taken_back:
            asked.cancel()
        gate.let_in(2)
        await asyncio.wait([asked])
        await until(lambda: starting.ready() == ["a", "b"])
        return [await answer(starting.get(name)) for name in ("a", "b")]

    answers = asyncio.run(ask_while_it_starts())

    assert gate.most_at_once == 1
    assert gate.come == (["a", "b"] if is_taken_back else ["a", "b", "a"])
    assert answers == ([1, 2] if is_taken_back else [10, 2])
    assert starting.generation == (0 if is_taken_back else 1)
    assert not starting.is_busy("a")


def test_a_model_that_answers_can_be_loaded_again_at_once(tmp_path):
    seen = []

    class Told(Metrics):
        def loaded(self, **what):
            super().loaded(**what)
            seen.append((starting.ready(), starting.is_busy("a")))

    starting = ModelRepository([source(1, tmp_path / "a.joblib")], cache_dir=tmp_path, metrics=Told())
    starting.start(budget_s=10, on_refusal=pytest.fail)

    asyncio.run(until(lambda: seen))

    assert seen == [(["a"], False)]
