import pytest

from model_deployment_app.telemetry import stacks

SECRET = "Xanadu-4711"


def raised(error, cause=None):
    try:
        raise error from cause
    except type(error) as caught:
        return caught


def test_an_error_is_told_by_its_calls_and_its_type():
    told = stacks.told(raised(ValueError(SECRET)), has_words=False)

    assert told.startswith("Traceback (most recent call last):\n")
    assert "in raised" in told
    assert told.endswith("\nValueError")
    assert SECRET not in told


def test_what_has_caused_it_comes_first_and_keeps_its_words_too():
    told = stacks.told(raised(RuntimeError("it failed"), raised(KeyError(SECRET))), has_words=False)

    assert [line for line in told.splitlines() if line.endswith("Error")] == ["KeyError", "RuntimeError"]
    assert SECRET not in told


def test_a_note_is_words_too():
    error = raised(ValueError("no"))
    error.add_note(SECRET)

    assert SECRET not in stacks.told(error, has_words=False)
    assert SECRET in stacks.told(error, has_words=True)


def test_words_stay_in_one_line_and_move_no_cursor():
    told = stacks.told(raised(ValueError("no\nERROR error_code=Forged\x1b[2J")), has_words=True)

    assert told.splitlines()[-1] == r"ValueError: no\nERROR error_code=Forged\x1b[2J"


@pytest.mark.parametrize("has_words", [True, False])
def test_an_error_that_caused_itself_is_told_once(has_words):
    first, second = raised(ValueError("a")), raised(ValueError("b"))
    first.__cause__, second.__cause__ = second, first

    told = stacks.told(first, has_words=has_words)

    assert told.count("Traceback") == 2


def test_an_error_that_cannot_be_printed_is_told_all_the_same():
    class Mute(Exception):
        def __str__(self):
            raise RuntimeError(SECRET)

    told = stacks.told(raised(Mute()), has_words=True)

    assert "Mute: <exception str() failed>" in told


def test_a_recursion_without_end_is_cut():
    def call():
        return call()

    try:
        call()
    except RecursionError as error:
        told = stacks.told(error, has_words=False)

    assert len(told) < 10_000
