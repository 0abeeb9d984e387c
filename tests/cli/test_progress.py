import io

from model_deployment_app.cli._progress import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_off_a_terminal_each_news_is_a_line_and_told_once() -> None:
    stream = io.StringIO()

    with progress(stream) as show:
        for news in ("0 of 1", "0 of 1", "1 of 1"):
            show(news)

    assert [line.split(" s  ")[1] for line in stream.getvalue().splitlines()] == ["0 of 1", "1 of 1"]


def test_on_a_terminal_one_line_is_written_over_and_never_wraps(monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    stream = Terminal()

    with progress(stream) as show:
        show("x" * 99)
        show("done")

    first, second = stream.getvalue().split("\r\033[K")[1:]
    assert len(first) == 39
    assert second.endswith("done\n")


def test_nothing_is_written_when_there_is_no_news() -> None:
    stream = Terminal()

    with progress(stream):
        pass

    assert stream.getvalue() == ""
