"""The demo, whole: it ends with 0, leaves no server behind, and says what it did."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


#: Stands in for PyTorch where there is none.
ABSENT = "raise ModuleNotFoundError('No module named torch', name='torch')"


@pytest.mark.parametrize(
    ("kind", "torch", "said"),
    [
        (
            "sklearn",
            ABSENT,
            [
                "accuracy on the other 38: 0.9",
                "config.model.sha256: ",
                "38 row(s) of its passport -> the answers that were recorded",
            ],
        ),
        (
            "torch",
            None,
            [
                "epoch 10  accuracy on the other 450: 0.9",
                "pickle.load here: RuntimeError: Attempting to deserialize object on a CUDA device",
                "gs://demo-models/digits/v1/digits.pkl",
                "config.model.generation: ",
                "8 row(s) of its passport -> the answers that were recorded",
                "loaded onto the CPU",
                '"labels": [2, 0, 4], "classes": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]}',
            ],
        ),
    ],
)
def test_the_demo_does_the_whole_job(helm: str, tmp_path: Path, kind: str, torch: str | None, said: list[str]) -> None:
    if torch:
        (tmp_path / "torch.py").write_text(torch)
    before = subprocess.run(["git", "status", "--porcelain"], cwd=ROOT, capture_output=True, text=True).stdout
    command = [sys.executable, "scripts/demo.py", "--kind", kind, "--helm", helm]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}

    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=110)

    assert result.returncode == 0, result.stdout + result.stderr
    assert re.findall(r"^(\d)\. ", result.stdout, re.MULTILINE) == list("12345678")
    assert "all three are the numbers that predict_proba gives" in result.stdout
    assert "ConfigMap, Service, Deployment" in result.stdout
    assert "read back and the same" in result.stdout
    for phase in ("download", "verify", "audit", "import", "unpickle", "inspect", "warm-up", "total"):
        assert re.search(rf"^ +{phase} +\d+\.\d{{3}} s", result.stdout, re.MULTILINE)
    assert "loads and gives the answers of its passport" in result.stdout
    for words in said:
        assert words in result.stdout
    after = subprocess.run(["git", "status", "--porcelain"], cwd=ROOT, capture_output=True, text=True).stdout
    assert after == before
