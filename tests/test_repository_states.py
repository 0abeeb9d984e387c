"""Whatever is loaded, unloaded and broken in whatever order, each model answers what was last loaded of it."""

import asyncio
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
from constants import publish, publish_corrupt
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from model_deployment_app.errors import ArtifactRejected, ModelBusy, ModelNotReady
from model_deployment_app.repository import ModelRepository, ModelSource
from model_deployment_app.telemetry.metrics import Metrics
from model_deployment_app.tensors import ROWS

NAMES = ("a", "b")
WHICH = st.sampled_from(NAMES)
CORRUPT = None


class Repository(RuleBasedStateMachine):
    """Two models; what lies at their addresses, and what should be answered."""

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.metrics = Metrics()
        self.loop = asyncio.new_event_loop()
        self.at_address, self.served, self.changes = {}, {}, 0
        self.is_refused = dict.fromkeys(NAMES, False)

    def teardown(self):
        self.loop.run_until_complete(self._close())
        self.loop.close()
        shutil.rmtree(self.folder)

    async def _close(self):
        for name in self.models.ready():
            await self.models.get(name).close()

    @initialize()
    def start(self):
        sources = []
        for number, name in enumerate(NAMES):
            self.publish(name, number)
            uri = self._path(name).as_uri()
            options = {"job": "regression"}
            sources.append(ModelSource(name, None, uri, None, None, "joblib", options))
        self.models = ModelRepository(sources, cache_dir=self.folder, metrics=self.metrics)
        for name in NAMES:
            self.models.load(name)
        self.served = dict(self.at_address)

    def _path(self, name):
        return self.folder / f"{name}.joblib"

    async def _answer(self, name):
        revision = self.models.get(name)
        outputs = await revision.run(revision.signature.check({ROWS: np.zeros((1, 1))}), ["predictions"])
        return float(outputs["predictions"][0])

    @rule(name=WHICH, number=st.integers(2, 5))
    def publish(self, name, number):
        publish(number, self._path(name))
        self.at_address[name] = number

    @rule(name=WHICH)
    def corrupt(self, name):
        publish_corrupt(self._path(name))
        self.at_address[name] = CORRUPT

    @rule(name=WHICH)
    def load(self, name):
        if self.at_address[name] is CORRUPT:
            with pytest.raises(ArtifactRejected):
                self.loop.run_until_complete(self.models.reload(name, timeout_s=10))
        else:
            self.loop.run_until_complete(self.models.reload(name, timeout_s=10))
        self._loaded(name)

    def _loaded(self, name):
        self.is_refused[name] = self.at_address[name] is CORRUPT
        if not self.is_refused[name]:
            self.served[name] = self.at_address[name]
            self.changes += 1

    @rule(name=WHICH)
    def unload(self, name):
        self.loop.run_until_complete(self.models.unload(name))
        self.changes += name in self.served
        self.served.pop(name, None)
        self.is_refused[name] = False

    @rule(name=WHICH, count=st.integers(1, 3))
    def load_while_others_load_unload_and_ask(self, name, count):
        """The first wins; whoever comes beside it is told so, and every answer is by one of the two."""

        async def collide():
            load = self.models.reload(name, timeout_s=10)
            others = [self.models.reload(name, timeout_s=10), self.models.unload(name)]
            asked = [self._answer(name) for _ in range(count)]
            return await asyncio.gather(load, *others, *asked, return_exceptions=True)

        load, second, unload, *answers = self.loop.run_until_complete(collide())

        before = self.served.get(name)
        self._loaded(name)
        assert isinstance(load, ArtifactRejected) == self.is_refused[name], load
        assert isinstance(second, ModelBusy)
        assert isinstance(unload, ModelBusy)
        for answer in answers:
            if isinstance(answer, ModelNotReady):
                assert before is None
            else:
                assert answer in (pytest.approx(number) for number in (before, self.served[name]) if number is not None)

    @invariant()
    def each_model_answers_what_was_last_loaded_of_it(self):
        for name in NAMES:
            if name in self.served:
                assert self.loop.run_until_complete(self._answer(name)) == pytest.approx(self.served[name])
            else:
                with pytest.raises(ModelNotReady):
                    self.models.get(name)

    @invariant()
    def the_index_the_metrics_and_the_generation_agree(self):
        text = self.metrics.text().decode()
        infos = [line for line in text.splitlines() if line.startswith("model_serving_artifact_info{")]

        assert self.models.waiting() == []
        assert self.models.ready() == [name for name in NAMES if name in self.served]
        for entry in self.models.index():
            assert entry.state == ("READY" if entry.name in self.served else "UNAVAILABLE")
            assert entry.reason.startswith("ArtifactRejected: ") == self.is_refused[entry.name]
        assert f"model_serving_models_loaded {len(self.served)}.0" in text
        assert len(infos) == len(self.served)
        assert all(self.models.get(name).sha256 in "".join(infos) for name in self.served)
        assert self.models.generation == self.changes


Repository.TestCase.settings = settings(max_examples=25, stateful_step_count=20, deadline=None, derandomize=True)
TestRepository = Repository.TestCase
