import io
import logging

import pytest

from model_deployment_app.cli import _download
from model_deployment_app.cli._download import meter

MB = 1_000_000
URI = "gs://models/iris/iris.joblib"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_off_a_terminal_the_first_and_the_last_line_are_logged_and_few_between(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(1000))
    monkeypatch.setattr(_download, "monotonic", lambda: next(clock))
    caplog.set_level(logging.INFO)

    with meter(io.StringIO())(URI, 0, 100 * MB) as show:
        for done_bytes in range(0, 101 * MB, 10 * MB):
            show(done_bytes)

    lines = [record.getMessage() for record in caplog.records]
    assert lines[0] == f"download: uri={URI} percent=0 done=0 B of=100.0 MB speed=0 B/s remaining_s=unknown"
    assert lines[-1].startswith(f"download: uri={URI} percent=100 done=100.0 MB of=100.0 MB speed=")
    assert lines[-1].endswith("remaining_s=0")
    assert 2 < len(lines) < 6


@pytest.mark.parametrize(("total_bytes", "lines"), [(MB, 0), (8 * MB, 2), (None, 2)])
def test_off_a_terminal_nothing_is_said_of_what_is_small(
    caplog: pytest.LogCaptureFixture, total_bytes: int | None, lines: int
) -> None:
    caplog.set_level(logging.INFO)

    with meter(io.StringIO())(URI, 0, total_bytes) as show:
        show(MB)

    assert len(caplog.records) == lines


def test_the_last_line_is_logged_of_a_download_that_breaks_off_too(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    with pytest.raises(ConnectionError), meter(io.StringIO())(URI, 0, 10 * MB) as show:
        show(5 * MB)
        raise ConnectionError

    assert "percent=50" in caplog.records[-1].getMessage()


def test_on_a_terminal_a_bar_is_shown_and_gone_at_the_end(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()

    with meter(stream)(URI, 0, 10 * MB) as show:
        show(5 * MB)

    shown = stream.getvalue()
    assert "iris.joblib" in shown
    assert "50%" in shown
    assert "5.0/10.0 MB" in shown
    assert shown.endswith("\x1b[2K")
    assert caplog.records == []
