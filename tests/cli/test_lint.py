import shutil
from pathlib import Path

import pytest

from model_deployment_app.cli.lint import lint
from model_deployment_app.errors import ChartError, ToolMissing

COMMITTED = Path(__file__).parents[2] / "k8s_dev"


@pytest.fixture
def charts(tmp_path):
    shutil.copytree(COMMITTED / "iris", tmp_path / "k8s_dev" / "iris")
    return tmp_path / "k8s_dev"


def test_the_committed_charts_have_no_faults(helm, capsys):
    lint(COMMITTED, helm)

    assert "no faults" in capsys.readouterr().out


def test_what_helm_refuses_is_told_with_its_chart(charts, helm):
    values = charts / "iris" / "values.yaml"
    values.write_text(values.read_text().replace("replicaCount: 1", "replicaCount: one"))

    with pytest.raises(ChartError, match=r"k8s_dev/iris: .*replicaCount"):
        lint(charts, helm)


def test_two_charts_on_one_path_are_told_of(charts, helm):
    shutil.copytree(charts / "iris", charts / "rose")

    with pytest.raises(ChartError, match="iris and rose both take the ingress path"):
        lint(charts, helm)


def test_a_folder_that_there_is_not_has_no_charts_without_faults(tmp_path, helm):
    with pytest.raises(ChartError, match="no such folder"):
        lint(tmp_path / "nowhere", helm)


def test_a_missing_helm_is_told_of(charts):
    with pytest.raises(ToolMissing, match=r"install helm 3\.6 or later, or run `make install`"):
        lint(charts, "/nowhere/helm")
