from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports


def test_imports_point_down(capsys):
    status = lint_imports(no_cache=True)

    assert status == EXIT_STATUS_SUCCESS, capsys.readouterr().out
