import threading

import pytest

from model_deployment_app.background import InOrder


@pytest.fixture
def gate():
    """What the first work waits for."""
    gate = threading.Event()
    yield gate
    gate.set()


def test_works_are_done_one_at_a_time_in_the_order_in_which_they_were_asked_for(gate):
    works = InOrder("work")
    done = []

    def work(number):
        assert gate.wait(10)
        done.append(number)
        return number

    asked = [works.submit(lambda number=number: work(number)) for number in range(5)]
    running = [thread for thread in threading.enumerate() if thread.name == "work"]
    gate.set()

    assert [each.result(10) for each in asked] == done == list(range(5))
    assert len(running) == 1
    assert running[0].daemon


def test_what_is_cancelled_before_its_turn_never_begins(gate):
    works = InOrder("work")
    begun = []

    first = works.submit(lambda: gate.wait(10))
    second = works.submit(lambda: begun.append("second"))
    third = works.submit(lambda: begun.append("third"))
    taken_back = (first.cancel(), second.cancel())
    gate.set()
    third.result(10)

    # The first is under way and cannot be taken back.
    assert taken_back == (False, True)
    assert begun == ["third"]


def test_what_raises_is_raised_where_it_is_waited_for_and_holds_up_nobody():
    works = InOrder("work")

    def leave():
        raise SystemExit(3)

    refused, after = works.submit(leave), works.submit(lambda: "after")

    with pytest.raises(SystemExit):
        refused.result(10)
    assert after.result(10) == "after"


def test_the_thread_ends_with_the_work_and_comes_back_with_it():
    works = InOrder("work")
    threads = []

    for _ in range(2):
        works.submit(lambda: threads.append(threading.current_thread())).result(10)
        threads[-1].join(10)

    assert [thread.is_alive() for thread in threads] == [False, False]
    assert len(set(threads)) == 2


def test_a_thread_that_cannot_be_had_is_asked_for_again(monkeypatch):
    def fail(_):
        raise RuntimeError("can't start new thread")

    works = InOrder("work")
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", fail)
        with pytest.raises(RuntimeError):
            works.submit(lambda: 1)

    assert works.submit(lambda: 2).result(10) == 2
