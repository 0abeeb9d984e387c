import itertools

import pytest

from model_deployment_app.telemetry import ledger
from model_deployment_app.telemetry.ledger import Ledger


@pytest.fixture
def clock(monkeypatch):
    """Each look at the clock is a second after the one before."""
    seconds = itertools.count()
    monkeypatch.setattr(ledger.time, "monotonic", lambda: float(next(seconds)))


def test_phases_stand_in_the_order_in_which_they_begin(clock):
    book = Ledger()

    with book.phase("download"):
        pass
    with book.phase("unpickle"):
        pass

    assert list(book.seconds.items()) == [("download", 1.0), ("unpickle", 1.0)]


def test_an_inner_phase_is_not_counted_twice(clock):
    book = Ledger()

    with book.phase("outer"), book.phase("inner"):
        pass

    assert book.seconds == {"outer": 2.0, "inner": 1.0}


def test_a_phase_that_comes_again_is_added_up(clock):
    book = Ledger()

    for _ in range(3):
        with book.phase("download"):
            pass

    assert book.seconds == {"download": 3.0}


def test_a_phase_that_fails_is_counted(clock):
    book = Ledger()

    with pytest.raises(ValueError, match="no"), book.phase("audit"):
        raise ValueError("no")
    with book.phase("import"):
        pass

    assert book.seconds == {"audit": 1.0, "import": 1.0}
