import subprocess
import sys
from pathlib import Path


def test_imports_point_down():
    # A process of its own: it reconfigures logging.
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache"]

    result = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True)

    assert result.returncode == 0, result.stdout + result.stderr
