from model_deployment_app.errors import printable


def test_what_a_terminal_would_obey_or_cannot_show_is_escaped() -> None:
    assert printable("a\x1b[31m\nb\ud800 é…") == "a\\x1b[31m\\nb\\ud800 é…"
