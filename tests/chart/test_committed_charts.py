"""The charts in k8s_dev/: each is one of chart_template's, and none takes what another has."""

import subprocess
from pathlib import Path

import pytest

from model_deployment_app import settings
from model_deployment_app.charts import clashes

REPOSITORY = Path(__file__).parents[2]
TEMPLATE = REPOSITORY / "chart_template" / "{{ cookiecutter.model_name }}"
CHARTS = sorted(file.parent for file in (REPOSITORY / "k8s_dev").glob("*/Chart.yaml"))
VERBATIM = ("templates/**/*", "values.schema.json", ".helmignore")

every_chart = pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.name)


def verbatim(folder: Path) -> dict[str, bytes]:
    files = [file for pattern in VERBATIM for file in folder.glob(pattern) if file.is_file()]
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


def test_there_is_an_example() -> None:
    assert "iris" in [chart.name for chart in CHARTS]


@every_chart
def test_a_chart_holds_the_templates_of_chart_template(chart: Path) -> None:
    assert verbatim(chart) == verbatim(TEMPLATE)


@every_chart
def test_a_chart_passes_a_strict_lint(helm: str, chart: Path) -> None:
    result = subprocess.run([helm, "lint", "--strict", chart], capture_output=True, text=True, check=False)

    assert result.returncode == 0, result.stdout


@every_chart
def test_a_chart_can_be_served_from_here(chart: Path) -> None:
    assert settings.read(chart / "values.yaml").name == chart.name


def test_no_chart_takes_what_another_has() -> None:
    assert clashes.find(REPOSITORY / "k8s_dev") == []
