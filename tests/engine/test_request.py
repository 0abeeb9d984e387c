import asyncio

import numpy as np
import pytest

from model_deployment_app.engine.request import Request, grouped


@pytest.fixture
def request_of():
    loop = asyncio.new_event_loop()

    def make(inputs, outputs=("labels",), timeout_s=60.0):
        request = Request(inputs, outputs, loop.create_future(), deadline=0.0, timeout_s=timeout_s)
        request.deadline = request.arrived + timeout_s
        return request

    yield make
    loop.close()


@pytest.mark.parametrize(
    ("inputs", "outputs"),
    [
        ({"a": np.zeros((1, 3))}, ("labels",)),
        ({"a": np.zeros((1, 2), dtype=np.float32)}, ("labels",)),
        ({"a": np.zeros((1, 2), dtype=object)}, ("labels",)),
        ({"b": np.zeros((1, 2))}, ("labels",)),
        ({"a": np.zeros((1, 2))}, ("labels", "probabilities")),
    ],
    ids=["width", "dtype", "objects", "name", "outputs"],
)
def test_what_the_model_would_see_otherwise_is_asked_apart(request_of, inputs, outputs):
    plain, other, like_plain = (
        request_of({"a": np.ones((2, 2))}),
        request_of(inputs, outputs),
        request_of({"a": np.zeros((1, 2))}),
    )

    assert list(grouped([plain, other, like_plain], max_rows=9)) == [[plain, like_plain], [other]]


def test_the_size_of_a_request_counts_its_strings(request_of):
    text = request_of({"a": np.array(["x" * 1000, None], dtype=object)})
    numbers = request_of({"a": np.zeros((3, 2))})

    assert (numbers.rows, numbers.size_bytes) == (3, 48)
    assert text.size_bytes > 1000


def test_nobody_wants_what_is_cancelled_or_too_late(request_of):
    wanted, cancelled, late = (request_of({"a": np.zeros(1)}, timeout_s=timeout_s) for timeout_s in (60.0, 60.0, 0.0))
    cancelled.future.cancel()

    assert [request.is_wanted() for request in (wanted, cancelled, late)] == [True, False, False]
