"""How requests that take long to decode are kept apart from those that do not; over ASGI, with a fake dialect."""

import asyncio
import gc
import threading
import time

import httpx2
import numpy as np
import pytest

from model_deployment_app.app.conversion import MAX_INLINE_BYTES
from model_deployment_app.app.keys import Keys
from model_deployment_app.app.lane import HttpLane
from model_deployment_app.app.routes import Routes
from model_deployment_app.app.service import Service
from model_deployment_app.engine.revision import Revision
from model_deployment_app.errors import InvalidRequest
from model_deployment_app.protocols import Call, Endpoint, Reply
from model_deployment_app.signature import Signature
from model_deployment_app.telemetry import logs
from model_deployment_app.telemetry.exchange import Recorder
from model_deployment_app.telemetry.metrics import Metrics

LARGE = b"x" * (MAX_INLINE_BYTES + 1)


class FakeDialect:
    """Takes its time to decode, and remembers how."""

    def __init__(self):
        self.together = []
        self.threads = set()
        self.collects = set()
        self._running = 0

    def decode(self, body, headers, revision):
        self._running += 1
        self.together.append(self._running)
        self.threads.add(threading.current_thread())
        self.collects.add(gc.isenabled())
        time.sleep(0.02)
        self._running -= 1
        if body.endswith(b"!"):
            raise InvalidRequest("no")
        return Call({"x": np.zeros((1, 1))}, [], lambda _: Reply(b"{}"))

    def endpoint(self):
        return Endpoint("fake", "/predict", "", self.decode, lambda error: str(error).encode(), {}, {}, None)


class FakeDataPlane:
    def __init__(self):
        self._revision = Revision("sum", "1", "0" * 64, Signature((), ()), None)

    def revision(self, name=None, version=None):
        return self._revision

    def check(self, revision, inputs):
        return inputs

    def run(self, revision, inputs, outputs, *, timeout_s=None, since=None):
        answer = asyncio.get_running_loop().create_future()
        answer.set_result({})
        return answer


@pytest.fixture
def post():
    """Send bodies at once to a lane that speaks *dialect*; their statuses."""

    def run(dialect, *bodies):
        recorder = Recorder(Metrics(), logs.Events("error", "text"), has_access_log=False)
        lane = HttpLane(
            None,
            routes=Routes([dialect.endpoint()]),
            service=Service(FakeDataPlane(), Keys({}), recorder, max_body_bytes=10 * MAX_INLINE_BYTES),
        )

        async def send():
            transport = httpx2.ASGITransport(lane)
            async with httpx2.AsyncClient(transport=transport, base_url="http://model") as http:
                return await asyncio.gather(*(http.post("/predict", content=body) for body in bodies))

        return [answer.status_code for answer in asyncio.run(send())]

    return run


def test_large_bodies_are_decoded_one_after_the_other_and_off_the_loop(post):
    dialect = FakeDialect()

    statuses = post(dialect, *[LARGE] * 4)

    assert statuses == [200] * 4
    assert dialect.together == [1] * 4
    assert threading.main_thread() not in dialect.threads


def test_a_small_body_is_decoded_where_it_has_come(post):
    dialect = FakeDialect()

    statuses = post(dialect, b"{}")

    assert statuses == [200]
    assert dialect.threads == {threading.main_thread()}


def test_no_garbage_is_looked_for_while_a_large_body_is_decoded(post):
    dialect = FakeDialect()

    statuses = post(dialect, LARGE, LARGE + b"!")

    assert statuses == [200, 400]
    assert dialect.collects == {False}
    assert gc.isenabled()
