"""A request whose body is so large that a model may be replaced while it is decoded."""

import asyncio
from dataclasses import dataclass, field

import httpx2
import numpy as np

from model_deployment_app.app.conversion import MAX_INLINE_BYTES
from model_deployment_app.app.keys import Keys
from model_deployment_app.app.lane import HttpLane
from model_deployment_app.app.routes import Routes
from model_deployment_app.app.service import Service
from model_deployment_app.protocols import Call, Endpoint, Reply
from model_deployment_app.telemetry import logs
from model_deployment_app.telemetry.exchange import Recorder
from model_deployment_app.telemetry.metrics import Metrics


@dataclass
class FakeRevision:
    version: str
    name: str = "a"
    sha256: str = "ab"


@dataclass
class FakeDataPlane:
    """Serves *current*."""

    current: FakeRevision
    asked: list[FakeRevision] = field(default_factory=list)

    def revision(self, name, version):
        return self.current

    def check(self, revision, inputs):
        return inputs

    def run(self, revision, inputs, outputs, *, timeout_s, since):
        self.asked.append(revision)
        answer = asyncio.get_running_loop().create_future()
        answer.set_result(inputs)
        return answer


def test_it_is_decoded_again_for_the_model_that_took_the_place():
    old, new = FakeRevision("1"), FakeRevision("2")
    dataplane, decoded_for = FakeDataPlane(old), []

    def decode(body, headers, revision):
        decoded_for.append(revision)
        dataplane.current = new  # as a load does that ends now
        return Call({"x": np.zeros(1)}, (), lambda outputs: Reply(revision.version.encode()))

    recorder = Recorder(Metrics(), logs.Events("error", "text"), has_access_log=False)
    lane = HttpLane(
        None,
        routes=Routes([Endpoint("fake", "/predict", "", decode, *[None] * 4)]),
        service=Service(dataplane, Keys({}), recorder, max_body_bytes=2 * MAX_INLINE_BYTES),
    )

    async def ask():
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(lane), base_url="http://model") as http:
            return await http.post("/predict", content=bytes(MAX_INLINE_BYTES + 1))

    answer = asyncio.run(ask())

    assert (answer.status_code, answer.content) == (200, b"2")
    assert decoded_for == [old, new]
    assert dataplane.asked == [new]
