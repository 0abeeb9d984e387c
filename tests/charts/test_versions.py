from pathlib import Path

import pytest

from model_deployment_app import helm_yaml
from model_deployment_app.charts.versions import move_app_version
from model_deployment_app.errors import ChartError

CHART = """\
name: iris  # mine
version: 0.1.9  # raise it
# a comment of the owner's
appVersion: "0.1.0"
"""


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    (tmp_path / "Chart.yaml").write_text(CHART)
    (tmp_path / "README.md").write_text("Served by model-deployment-app 0.1.0. Not 0.1.0.\n")
    return tmp_path


def test_both_versions_rise_and_the_rest_stays(chart: Path) -> None:
    told = move_app_version(chart, "0.2.0")

    text = (chart / "Chart.yaml").read_text()
    assert helm_yaml.load(text) == {"name": "iris", "version": "0.1.10", "appVersion": "0.2.0"}
    assert "name: iris  # mine\n" in text
    assert "# a comment of the owner's\n" in text
    assert (chart / "README.md").read_text() == "Served by model-deployment-app 0.2.0. Not 0.1.0.\n"
    assert told == f"{chart}: appVersion 0.1.0 -> 0.2.0, version 0.1.9 -> 0.1.10"


def test_a_version_that_looks_like_a_number_stays_text(chart: Path) -> None:
    move_app_version(chart, "2")

    assert helm_yaml.load((chart / "Chart.yaml").read_text())["appVersion"] == "2"


def test_a_chart_that_has_the_version_is_left_alone(chart: Path) -> None:
    told = move_app_version(chart, "0.1.0")

    assert told.endswith("appVersion is 0.1.0 already")
    assert (chart / "Chart.yaml").read_text() == CHART


@pytest.mark.parametrize("version", ["1.0+local", "a b", "", "-1"])
def test_what_no_image_can_be_tagged_with_is_refused(chart: Path, version: str) -> None:
    with pytest.raises(ChartError, match="cannot be the tag of an image"):
        move_app_version(chart, version)

    assert (chart / "Chart.yaml").read_text() == CHART


@pytest.mark.parametrize("text", ["version: 0.1.0\n", "version: one\nappVersion: '1'\n"])
def test_a_chart_without_two_versions_is_refused(chart: Path, text: str) -> None:
    (chart / "Chart.yaml").write_text(text)

    with pytest.raises(ChartError, match="expected an appVersion and a version"):
        move_app_version(chart, "0.2.0")
