import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MDA = str(Path(sys.executable).with_name("mda"))


@pytest.mark.parametrize("command", [[MDA], [sys.executable, "-m", "model_deployment_app"]])
def test_both_commands_tell_the_version_that_is_written_once(command):
    written = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]

    shown = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True).stdout.strip()

    assert shown == written


def test_an_error_is_one_line_and_status_1(tmp_path):
    result = subprocess.run([MDA, "new", "iris", "--into", str(tmp_path / "none")], capture_output=True, text=True)

    assert result.returncode == 1
    assert result.stderr.startswith("mda: ChartError: ")
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(("option", "value"), [("--prot", "1"), ("--drain-seconds", "inf"), ("--grace-seconds", "nan")])
def test_a_wrong_option_is_a_usage_error(option, value):
    result = subprocess.run([MDA, "serve", "--config", "values.yaml", option, value], capture_output=True, text=True)

    assert result.returncode == 2
    assert "Traceback" not in result.stderr


def test_the_charts_and_the_schema_need_no_web_framework():
    code = "import sys, model_deployment_app.cli; print([m for m in ('fastapi', 'sklearn') if m in sys.modules])"

    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()

    assert shown == "[]"
