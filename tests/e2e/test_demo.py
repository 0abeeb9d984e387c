"""The demo, whole: it ends with 0, leaves no server behind, and says what it did."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_demo_does_the_whole_job(helm: str) -> None:
    before = subprocess.run(["git", "status", "--porcelain"], cwd=ROOT, capture_output=True, text=True).stdout

    result = subprocess.run(
        [sys.executable, "scripts/demo.py", "--helm", helm], cwd=ROOT, capture_output=True, text=True, timeout=110
    )

    assert result.returncode == 0, result.stdout + result.stderr
    assert re.findall(r"^(\d)\. ", result.stdout, re.MULTILINE) == list("1234567")
    assert "all three are the numbers that predict_proba gives" in result.stdout
    assert "ConfigMap, Service, Deployment" in result.stdout
    after = subprocess.run(["git", "status", "--porcelain"], cwd=ROOT, capture_output=True, text=True).stdout
    assert after == before
