"""docs/PYTORCH.md keeps what it promises: its Python runs, Helm takes its YAML."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/PYTORCH.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_the_python_of_the_page_runs_from_top_to_bottom(tmp_path: Path) -> None:
    script = []
    for block in blocks("python"):
        if file := re.match(r"# (\w+\.py)\n", block):
            (tmp_path / file[1]).write_text(block)
        else:
            script.append(block)
    (tmp_path / "page.py").write_text("".join(script))

    result = subprocess.run([sys.executable, "-W", "error", "page.py"], cwd=tmp_path, capture_output=True, text=True)

    assert len(script) > 3
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("values", blocks("yaml"))
def test_the_yaml_of_the_page_is_a_chart_s(helm: str, values: str) -> None:
    command = [helm, "template", "iris", "k8s_dev/iris", "--kube-version", "1.34.0", "--values", "-"]

    result = subprocess.run(command, input=values, cwd=ROOT, capture_output=True, text=True)

    assert result.returncode == 0, result.stderr
