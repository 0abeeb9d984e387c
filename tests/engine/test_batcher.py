import asyncio
import gc
import itertools
import time
import weakref

import pytest

from model_deployment_app.engine.batcher import Batcher
from model_deployment_app.engine.limits import Limits
from model_deployment_app.engine.worker import Worker
from model_deployment_app.errors import DeadlineExceeded, InferenceError, InvalidTensor, ModelNotReady, Overloaded
from model_deployment_app.formats._estimator import EstimatorPredictor
from model_deployment_app.telemetry.metrics import Metrics

from .predictors import POISONS, WAIT_S, Poisoned, SumPredictor, rows

OUTPUTS = ["predictions"]


class Busy:
    """A batcher whose model computes until it is let go: what is submitted meanwhile waits."""

    def __init__(self, predictor=None, **limits):
        self.metrics = Metrics()
        self.predictor = predictor or SumPredictor()
        self.batcher = Batcher(self.predictor, name="sum", limits=Limits(**limits), metrics=self.metrics.of("sum"))

    async def __aenter__(self):
        self.first = self.submit([-1, 1])
        entered = await asyncio.to_thread(self.predictor.entered.wait, WAIT_S)
        assert entered
        return self

    async def __aexit__(self, *_):
        self.let_go()
        await self.batcher.close()

    def submit(self, *numbers, timeout_s=None):
        return self.batcher.submit(rows(*numbers), OUTPUTS, timeout_s)

    def let_go(self):
        self.predictor.gate.set()

    def sample(self, name):
        for line in self.metrics.text().decode().splitlines():
            if line.startswith(f'{name}{{model="sum"}} '):
                return float(line.split()[-1])
        raise AssertionError(name)


def answered(future):
    return future.result()["predictions"].tolist()


def test_what_comes_while_the_model_is_busy_is_the_next_batch():
    async def run():
        async with Busy() as busy:
            futures = [busy.submit([1, 2]), busy.submit([3, 4], [5, 6])]
            busy.let_go()
            await asyncio.wait(futures)
        return busy, [answered(future) for future in futures]

    busy, answers = asyncio.run(run())

    assert busy.predictor.calls == [[[-1, 1]], [[1, 2], [3, 4], [5, 6]]]
    assert answers == [[3], [7, 11]]
    assert busy.sample("model_serving_batch_size_sum") == 4
    assert busy.sample("model_serving_queue_duration_seconds_count") == 3
    assert busy.sample("model_serving_queue_rows") == 0


def test_the_time_that_a_request_has_may_have_begun_before():
    async def run():
        async with Busy() as busy:
            future = busy.batcher.submit(rows([1, 2]), OUTPUTS, 1.0, since=time.monotonic() - 5)
            with pytest.raises(DeadlineExceeded, match="within 1000 ms"):
                await future
        return busy

    assert len(asyncio.run(run()).predictor.calls) == 1


def test_memory_that_runs_out_between_two_calls_does_not_end_the_thread(monkeypatch):
    gather, failures = Worker._gather, [MemoryError()]

    def fail_once(worker):
        if failures:
            raise failures.pop()
        return gather(worker)

    monkeypatch.setattr(Worker, "_gather", fail_once)

    async def run():
        async with Busy() as busy:
            future = busy.submit([1, 2])
            busy.let_go()
            return (await future)["predictions"].tolist()

    assert asyncio.run(run()) == [3]


def test_clients_that_ask_again_at_once_share_a_batch_with_those_that_waited():
    async def run():
        async with Busy() as busy:
            waiting = busy.submit([1, 2])

            async def ask_again():
                await busy.first
                return await busy.submit([3, 4])

            again = asyncio.create_task(ask_again())
            await asyncio.sleep(0.5)  # the next call waits for no longer than this one has taken
            busy.let_go()
            await asyncio.wait((waiting, again))
        return busy.predictor.calls

    assert asyncio.run(run()) == [[[-1, 1]], [[1, 2], [3, 4]]]


def test_a_batch_has_no_more_rows_than_it_may_and_a_large_request_goes_alone():
    async def run():
        async with Busy(max_rows=3) as busy:
            for numbers in ([[1, 1]] * 2, [[2, 2]] * 2, [[3, 3]] * 5, [[4, 4]]):
                busy.submit(*numbers)
        return [len(call) for call in busy.predictor.calls]

    assert asyncio.run(run()) == [1, 2, 2, 5, 1]


def test_with_one_row_at_most_each_request_is_asked_alone():
    async def run():
        async with Busy(max_rows=1) as busy:
            for number in range(3):
                busy.submit([number, 0])
        return [len(call) for call in busy.predictor.calls]

    assert asyncio.run(run()) == [1, 1, 1, 1]


def test_an_idle_model_waits_for_more_only_if_it_is_told_to():
    async def run(**limits):
        predictor = SumPredictor()
        batcher = Batcher(predictor, name="sum", limits=Limits(**limits), metrics=Metrics().of("sum"))
        await asyncio.gather(*(batcher.submit(rows([number, 0]), OUTPUTS) for number in range(2)))
        return [len(call) for call in predictor.calls]

    # Full before the wait is over.
    assert asyncio.run(run(max_wait_s=WAIT_S, max_rows=2)) == [2]


def test_a_cancelled_request_leaves_the_batch():
    async def run():
        async with Busy() as busy:
            gone, stays = busy.submit([1, 2]), busy.submit([3, 4])
            gone.cancel()
            busy.let_go()
            await stays
        return busy

    busy = asyncio.run(run())

    assert busy.predictor.calls == [[[-1, 1]], [[3, 4]]]
    assert busy.sample("model_serving_queue_rows") == 0


def test_a_request_that_is_too_late_is_told_so_and_not_run():
    async def run():
        async with Busy() as busy:
            with pytest.raises(DeadlineExceeded, match=r"no answer within 1 ms"):
                await busy.submit([1, 2], timeout_s=0.001)
        return busy.predictor.calls

    assert asyncio.run(run()) == [[[-1, 1]]]


def test_the_limit_holds_for_a_request_that_would_wait_longer_and_for_one_that_runs():
    async def run():
        async with Busy(request_timeout_s=0.05) as busy:
            with pytest.raises(DeadlineExceeded):
                await busy.submit([1, 2], timeout_s=3600)
            with pytest.raises(DeadlineExceeded):
                await busy.first

    asyncio.run(run())


def test_an_earlier_deadline_is_met_though_it_comes_later():
    async def run():
        async with Busy() as busy:
            late, early = busy.submit([1, 2]), busy.submit([3, 4], timeout_s=0.001)
            with pytest.raises(DeadlineExceeded):
                await early
            busy.let_go()
            await late
        return answered(late)

    assert asyncio.run(run()) == [3]


@pytest.mark.parametrize("limits", [{"queue_rows": 2}, {"queue_bytes": 40}])
def test_what_is_too_much_is_refused_at_once_and_told_when_to_come_again(limits):
    async def run():
        async with Busy(**limits) as busy:
            taken = busy.submit([1, 2])
            with pytest.raises(Overloaded, match="sum: too much is waiting") as refused:
                busy.submit([3, 4])
            busy.let_go()
            await taken
            await busy.submit([3, 4])
        return refused.value

    refused = asyncio.run(run())

    assert refused.retry_after_s == 1
    assert refused.is_expected


def test_a_request_beyond_the_limit_is_taken_if_nothing_waits():
    async def run():
        busy = Busy(queue_rows=1)
        large = busy.submit([1, 2], [3, 4])
        await large
        return answered(large)

    assert asyncio.run(run()) == [3, 7]


@pytest.mark.parametrize("poison", POISONS)
def test_a_bad_row_fails_alone(poison):
    """Ten rounds of eight requests that are asked together, one of them bad: no neighbour is lost."""

    class Gated(EstimatorPredictor):
        def __init__(self):
            super().__init__(Poisoned())
            held = SumPredictor()
            self.gate, self.entered, self.hold = held.gate, held.entered, held.predict

        def predict(self, inputs, outputs):
            return self.hold(inputs, outputs) if inputs["input-0"][0, 0] == -1 else super().predict(inputs, outputs)

    async def run():
        lost = []
        for bad in itertools.islice(itertools.cycle(range(8)), 10):
            async with Busy(Gated()) as busy:
                futures = [busy.submit([7, 7], [poison if number == bad else 0, number]) for number in range(8)]
                busy.let_go()
                results = await asyncio.gather(*futures, return_exceptions=True)
            failure = results.pop(bad)
            lost += [result for result in results if isinstance(result, Exception)]
            assert busy.sample("model_serving_batch_fallback_total") == 1
        return failure, lost

    failure, lost = asyncio.run(run())

    assert lost == []
    if poison in (101, 103):
        assert isinstance(failure, InvalidTensor)
        assert str(failure).startswith("row 1, column 0: the estimator does not take this number")
    else:
        assert isinstance(failure, InferenceError)


def test_one_bad_request_of_a_full_batch_costs_few_calls():
    estimator = Poisoned()
    asked = []

    class Counted(EstimatorPredictor):
        def answer(self, inputs, outputs):
            asked.append(len(inputs["input-0"]))
            return super().answer(inputs, outputs)

    predictor = Counted(estimator)
    asked.clear()

    async def run():
        batcher = Batcher(
            predictor, name="sum", limits=Limits(max_wait_s=WAIT_S, max_rows=256), metrics=Metrics().of("sum")
        )
        futures = [batcher.submit(rows([101 if number == 99 else number, 0]), OUTPUTS) for number in range(100, 356)]
        return await asyncio.gather(*futures, return_exceptions=True)

    results = asyncio.run(run())

    assert sum(isinstance(result, Exception) for result in results) == 1 + 5  # 102 to 106 fail as well
    assert len(asked) < 60


def test_a_call_that_never_ends_is_told_once_until_it_does(caplog):
    async def run():
        async with Busy(hang_s=0) as busy:
            stuck = [busy.batcher.health(), busy.batcher.health()]
            busy.let_go()
            await busy.first
            return [*stuck, busy.batcher.health()]

    [stuck, still, healed] = asyncio.run(run())

    told = [record.getMessage() for record in caplog.records]
    assert stuck == still == "a prediction has been running for 0 s, limits.hangSeconds is 0"
    assert healed is None
    assert told == [f"sum: {stuck}", "sum: the model answers again"]


def test_a_model_that_fails_at_its_warm_up_row_is_broken_until_it_answers_it():
    async def run():
        busy = Busy()
        busy.predictor.is_broken = True
        with pytest.raises(InferenceError):
            await busy.submit([1, 2])
        while (reason := busy.batcher.health()) is None:
            await asyncio.sleep(0)
        busy.predictor.is_broken = False
        while busy.batcher.health() is not None:
            await asyncio.sleep(0)
        return reason

    reason = asyncio.run(asyncio.wait_for(run(), WAIT_S))

    assert reason == "the model fails at the row that it was warmed up with: RuntimeError"


def test_closing_answers_what_has_come_and_lets_go_of_the_model():
    async def run():
        async with Busy() as busy:
            waiting = busy.submit([1, 2])
            closing = asyncio.create_task(busy.batcher.close())
            await asyncio.sleep(0)
            with pytest.raises(ModelNotReady, match="ask again"):
                busy.submit([3, 4])
            busy.let_go()
            await closing
        model = weakref.ref(busy.predictor)
        del busy.predictor
        gc.collect()
        return answered(waiting), model()

    answer, model = asyncio.run(run())

    assert answer == [3]
    assert model is None


def test_a_model_that_nobody_has_asked_can_be_closed():
    async def run():
        await Busy().batcher.close()

    asyncio.run(asyncio.wait_for(run(), WAIT_S))
